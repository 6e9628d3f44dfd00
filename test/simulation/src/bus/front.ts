import { isRouterError, type QueueDelivery, type SubscriptionRequest } from '@message-vault/bus';
import { HttpProblem, type NodePorts } from '@message-vault/http';
import { isLogError } from '@message-vault/log';
import {
  deadLetterOf,
  formatPolicy,
  type NameDocument,
  parsePolicy,
  type QueueDocument,
  type RouterDocument,
  withFixedFields,
} from '@message-vault/metadata';
import type { NetRequest, NetResponse } from '../network/exchange.ts';

export interface BusFrontOptions {
  readonly ports: NodePorts;
  /** When that will be for somebody who knows this node's wall clock, and counts from now on by a right one; virtual milliseconds. */
  readonly virtualTimeOf: (wallMs: number) => number;
  /** Passes a request on to the leader. */
  readonly forward: (request: NetRequest, signal: AbortSignal) => Promise<NetResponse>;
}

interface Asked {
  readonly request: NetRequest;
  readonly name: string;
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
  readonly signal: AbortSignal;
}

const MARK = '/-/';
const RESOURCES = new Set(['policy', 'subscriptions', 'head', 'locks', 'redrive', 'enqueue']);

/** What names, queues and routers answer to, as the http package has it, over the ports of a node. */
export class BusFront {
  readonly #options: BusFrontOptions;

  constructor(options: BusFrontOptions) {
    this.#options = options;
  }

  /** Undefined for what is none of its requests. */
  serve(request: NetRequest, signal: AbortSignal): Promise<NetResponse> | undefined {
    const at = request.path.indexOf(MARK);
    if (at <= 0) return undefined;
    const [path = '', query = ''] = request.path.split('?', 2);
    const rest = path.slice(at + MARK.length).split('/');
    if (!RESOURCES.has(rest[0] ?? '')) return undefined;
    return this.#route({
      request,
      name: path.slice(1, at),
      rest,
      query: new URLSearchParams(query),
      signal,
    });
  }

  #route(asked: Asked): Promise<NetResponse> {
    const { rest, request } = asked;
    switch (rest[0]) {
      case 'policy':
        return request.method === 'GET' ? this.#policy(asked) : this.#changing(asked);
      case 'subscriptions':
        return this.#onLeader(asked, () => this.#subscriptions(asked));
      case 'enqueue':
        return this.#enqueue(asked);
      case 'redrive':
        return this.#redrive(asked);
      case 'head':
        return this.#head(asked);
      default:
        return this.#lock(asked, rest.slice(1));
    }
  }

  async #policy({ name }: Asked): Promise<NetResponse> {
    const document = await this.#options.ports.names.read(name);
    if (document === undefined) throw new HttpProblem('no_such_name', `${name} has no role`);
    return json(200, formatPolicy(document));
  }

  async #changing(asked: Asked): Promise<NetResponse> {
    const { ports } = this.#options;
    const answer = await this.#onLeader(asked, () => this.#change(asked));
    if (!ports.status().takesWrites) ports.names.outdate(asked.name);
    return answer;
  }

  async #change({ request, name, query }: Asked): Promise<NetResponse> {
    const { names } = this.#options.ports;
    const version = query.get('if');
    const check = (now: NameDocument): void => {
      if (version !== null && versionOf(now) !== version)
        throw new HttpProblem('precondition_failed', `${name} is another version`);
    };
    if (request.method === 'DELETE') {
      await names.remove(name, check);
      return json(200, {});
    }
    const given = parsed(request);
    if (request.method === 'POST')
      return json(201, formatPolicy(await names.assign(name, parsePolicy(given))));
    const edit = (now: NameDocument) => {
      check(now);
      return parsePolicy(withFixedFields(given, now), now.role);
    };
    return json(200, formatPolicy(await names.change(name, edit)));
  }

  async #subscriptions({ request, name, rest: [, id] }: Asked): Promise<NetResponse> {
    const { routers } = this.#options.ports;
    const router = await this.#router(name);
    if (id !== undefined) return json(200, await routers.setState(router, id, stateIn(parsed(request))));
    if (request.method === 'GET') return json(200, { subscriptions: await routers.subscriptions(router) });
    const { subscription } = await routers.subscribe(router, this.#subscriptionIn(parsed(request)));
    return json(201, subscription);
  }

  async #head({ name, query, signal }: Asked): Promise<NetResponse> {
    const { queues } = this.#options.ports;
    const queue = await this.#queue(name);
    const timeoutMs = Number(query.get('timeout') ?? 0) * 1000;
    const delivery = await queues.receive(queue, { timeoutMs, signal });
    if (delivery?.lock === undefined) return json(204, {});
    delivery.release();
    // A message whose consumer has gone meanwhile is for others, at once.
    if (signal.aborted) await delivery.undo();
    else signal.addEventListener('abort', () => void delivery.undo(), { once: true });
    return this.#given(delivery, delivery.lock);
  }

  #given({ message, delivery, redrives }: QueueDelivery, lock: { id: string; until: number }): NetResponse {
    const headers = {
      'lock-id': lock.id,
      'locked-until': String(this.#options.virtualTimeOf(lock.until)),
      delivery: String(delivery),
      redrives: String(redrives),
    };
    return { status: 201, headers, body: message.value };
  }

  async #lock({ request, name }: Asked, [id = '', what]: readonly string[]): Promise<NetResponse> {
    const { queues } = this.#options.ports;
    const queue = await this.#queue(name);
    if (what === 'dead-letter') await queues.deadLetterLocked(queue, id, 'the consumer could not');
    else if (request.method === 'DELETE') await queues.acknowledge(queue, id);
    else if (request.method === 'PUT') await queues.giveBack(queue, id);
    else {
      const until = this.#options.virtualTimeOf(await queues.renew(queue, id));
      return json(200, { until });
    }
    return json(200, {});
  }

  async #enqueue({ request, name }: Asked): Promise<NetResponse> {
    const queue = await this.#queue(name);
    const { values, timeToLiveMs } = enqueuedIn(parsed(request));
    const messages = values.map((value) => ({
      value: Buffer.from(value),
      kind: 'text' as const,
      headers: [],
    }));
    const { messageIds, discarded } = await this.#options.ports.queues.enqueue(queue, messages, {
      timeToLiveMs,
    });
    // No copy of a request is to bring what was thrown away after all: that is one that was refused.
    return json(discarded > 0 ? 409 : 202, { taken: messageIds.length });
  }

  /** A queue's at any node, a router's at the leader. */
  async #redrive(asked: Asked): Promise<NetResponse> {
    const { ports } = this.#options;
    const { queues, routers } = ports;
    const document = await ports.lookup(asked.name);
    const limit = Number(asked.query.get('limit'));
    if (document?.role === 'router')
      return this.#onLeader(asked, async () => json(200, { moved: await routers.redrive(document, limit) }));
    const queue = await this.#queue(asked.name);
    const moved = await queues.redrive(deadLetterOf(queue), queue, { limit, signal: asked.signal });
    return json(200, { moved });
  }

  async #onLeader({ request, signal }: Asked, work: () => Promise<NetResponse>): Promise<NetResponse> {
    const { ports, forward } = this.#options;
    if (!ports.status().takesWrites) return await forward(request, signal);
    try {
      return await work();
    } catch (error) {
      if (!isLogError(error, 'not_leader') && !isRouterError(error, 'not_leader')) throw error;
      return await forward(request, signal);
    }
  }

  #subscriptionIn(given: unknown): SubscriptionRequest {
    const members: Record<string, unknown> = typeof given === 'object' && given !== null ? { ...given } : {};
    const { name, webhook, filter, expiresAtMs } = members;
    return {
      target: webhook === undefined ? { name: String(name) } : { webhook: String(webhook) },
      from: { at: 'latest' },
      filter: filter === undefined ? undefined : String(filter),
      // By this node's wall clock.
      expiresAt:
        expiresAtMs === undefined
          ? undefined
          : Math.round(Number(expiresAtMs) - this.#options.virtualTimeOf(0)),
    };
  }

  async #router(name: string): Promise<RouterDocument> {
    const document = await this.#options.ports.lookup(name);
    if (document?.role === 'router') return document;
    throw new HttpProblem('no_such_name', `${name} is no router`);
  }

  async #queue(name: string): Promise<QueueDocument> {
    const document = await this.#options.ports.lookup(name);
    if (document?.role === 'queue') return document;
    throw new HttpProblem('no_such_name', `${name} is no queue`);
  }
}

/** Of managed names: their length tells all their versions apart. */
function versionOf(document: NameDocument): string {
  return document.role === 'queue' ? String(document.policy.maxQueueLength) : document.role;
}

function enqueuedIn(given: unknown): { values: string[]; timeToLiveMs: number | undefined } {
  const members: Record<string, unknown> = typeof given === 'object' && given !== null ? { ...given } : {};
  const values = Array.isArray(members.values) ? members.values.map(String) : [];
  return { values, timeToLiveMs: members.ttlMs === undefined ? undefined : Number(members.ttlMs) };
}

function stateIn(given: unknown): 'active' | 'paused' {
  const isPause = typeof given === 'object' && given !== null && 'state' in given && given.state === 'paused';
  return isPause ? 'paused' : 'active';
}

function parsed({ body }: NetRequest): unknown {
  return JSON.parse(Buffer.from(body ?? new Uint8Array()).toString('utf8'));
}

function json(status: number, value: unknown): NetResponse {
  const headers = { 'content-type': 'application/json' };
  return { status, headers, body: Buffer.from(JSON.stringify(value)) };
}
