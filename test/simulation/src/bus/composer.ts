import type { Expires, Filtered, Place } from '@message-vault/checkers';
import type { SimProcess } from '../world/process.ts';
import { ask, membersOf } from './ask.ts';
import { type BusSurroundings, pause } from './program.ts';
import { type BusSetup, filterOf, type QueueSetup } from './setup.ts';
import { webhookOf } from './sink.ts';

const RETRY_MS = 50;
/** A subscription that has expired is no more after this, when nothing goes wrong. */
const GONE_WITHIN_MS = 2000;

/** Makes the composition of a run by what anybody would ask a node for. */
export class Composer {
  readonly #setup: BusSetup;
  readonly #around: BusSurroundings;
  readonly #process: SimProcess;
  isDone = false;

  constructor(setup: BusSetup, around: BusSurroundings, process: SimProcess) {
    this.#setup = setup;
    this.#around = around;
    this.#process = process;
  }

  begin(): void {
    void this.#compose().then(() => {
      this.isDone = true;
    });
  }

  /** As those who judge are told of it. */
  places(): Omit<Place, 'at'>[] {
    const { routers, queues, sinks, listeners } = this.#setup;
    const known = new Set([...routers, ...queues, ...sinks, ...listeners].map(({ name }) => name));
    const streams = new Set(routers.flatMap(({ targets }) => targets).filter((name) => !known.has(name)));
    const place = { kind: 'place' } as const;
    return [
      ...[...streams].map((name) => ({ ...place, name, role: 'stream' as const })),
      ...queues.map((queue) => ({ ...place, name: queue.name, role: 'queue' as const, ...limitsOf(queue) })),
      ...[...sinks, ...listeners].map(({ name }) => ({ ...place, name, role: 'subscriber' as const })),
      ...routers.map(({ name, distribution, targets }) => ({
        ...place,
        ...this.#limitOf(name),
        name,
        role: 'router' as const,
        distribution,
        targets: [...targets],
      })),
    ];
  }

  #limitOf(name: string): Pick<Place, 'limit' | 'overflow'> {
    const found = this.#setup.policies?.routerLimits?.find(({ router }) => router === name);
    return found === undefined ? {} : { limit: found.messages, overflow: found.overflow };
  }

  filters(): Omit<Filtered, 'at'>[] {
    const { filters = [] } = this.#setup.policies ?? {};
    return filters.map(({ router, target, labels }) => {
      return { kind: 'filtered', router, target, labels: [...labels] };
    });
  }

  /** Nothing is sure while there are faults: to go takes a leader, and storage that answers. */
  expiries(): Omit<Expires, 'at'>[] {
    const { expiry } = this.#setup.policies ?? {};
    if (expiry === undefined) return [];
    const { router, target, atMs } = expiry;
    const until = Math.max(atMs, this.#around.world.calmAtMs) + GONE_WITHIN_MS;
    return [{ kind: 'expires', router, target, until }];
  }

  async #compose(): Promise<void> {
    const { routers, queues, sinks, listeners, pushTimeoutSeconds, policies } = this.#setup;
    for (const { name, lockSeconds, maxDequeueRetries, limit } of queues) {
      const lockDuration = `PT${lockSeconds}S`;
      const limits = limit && {
        overflow: limit.overflow,
        maxQueueLength: limit.messages,
        maxMessageSize: limit.maxMessageSize,
      };
      await this.#assign(name, { role: 'queue', lockDuration, maxDequeueRetries, ...limits });
    }
    for (const { name, distribution } of routers) {
      const pushDeliveryTimeout = `PT${pushTimeoutSeconds}S`;
      const { limit: maxQueueLength, overflow } = this.#limitOf(name);
      await this.#assign(name, {
        role: 'router',
        messageDistribution: distribution,
        pushDeliveryTimeout,
        pushDeliveryRetries: policies?.pushDeliveryRetries,
        maxQueueLength,
        overflow,
      });
    }
    const connected = new Set(listeners.map(({ name }) => name));
    const pushed = new Set(sinks.map(({ name }) => name));
    for (const { name, targets } of routers) {
      for (const target of targets) {
        if (connected.has(target)) continue;
        const to = pushed.has(target) ? { webhook: webhookOf(target) } : { name: target };
        const { expiry } = policies ?? {};
        const expiresAtMs = expiry?.router === name && expiry.target === target ? expiry.atMs : undefined;
        const filter = filterOf(this.#setup, name, target);
        await this.#until(`/${name}/-/subscriptions`, { ...to, filter, expiresAtMs });
      }
    }
  }

  #assign(name: string, policy: object): Promise<void> {
    return this.#until(`/${name}/-/policy`, policy);
  }

  /** Nothing goes wrong yet but that nobody leads. */
  async #until(path: string, json: object): Promise<void> {
    const { network, urls, world } = this.#around;
    for (;;) {
      const answer = await ask(network, this.#process, urls[0] ?? '', { method: 'POST', path, json });
      if (answer.status === 201) return;
      world.note('composer', `POST ${path}: ${answer.status} ${JSON.stringify(membersOf(answer).detail)}`);
      await pause(this.#process, RETRY_MS);
    }
  }
}

function limitsOf({ limit, lockSeconds }: QueueSetup): Pick<Place, 'limit' | 'overflow' | 'lockMs'> {
  if (limit === undefined) return {};
  return { limit: limit.messages, overflow: limit.overflow, lockMs: lockSeconds * 1000 };
}
