import { isDeepStrictEqual } from 'node:util';
import { type Action, act } from '../act.ts';
import { isMembers, list, parseMembers, string } from '../answers.ts';
import { ask, type Question } from '../ask.ts';
import type { Door } from '../door.ts';
import { isVaultClientError, VaultClientError } from '../errors.ts';
import { checkedName } from '../names/checked-name.ts';
import { type CountOptions, redrive } from '../names/redrive.ts';
import { askNameStats, type RouterStats } from '../names/stats.ts';
import type { CallOptions } from '../questions.ts';
import { type ReadFrom, toPlace, toQuery } from '../read/start.ts';
import type { TransportResponse } from '../transport.ts';
import type { ListenerHandler, ListenerOptions } from './listener.ts';
import { type Subscription, type SubscriptionTarget, toSubscription } from './subscription.ts';

export interface SubscribeOptions extends CallOptions {
  /** Where to begin in what has passed through the router: the past too, if it is kept. Default: what comes from now on. */
  readonly from?: ReadFrom | undefined;
  /** Only messages it holds for: a condition on key and headers, see docs/filters.md. */
  readonly filter?: string | undefined;
  /** When the subscription ends by itself. */
  readonly expires?: Date | undefined;
  /** Webhooks: what deliveries are signed with. Default: the node makes one and tells it once. */
  readonly secret?: string | undefined;
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** A webhook has to agree before it is subscribed, which may take its time. */
const HANDSHAKE_MS = 30_000;
const MAX_ATTEMPTS = 5;

/** A router, seen by who gets its messages and by who connects it. Messages are put in with `client.publish`. */
export class RouterHandle {
  readonly name: string;
  readonly #door: Door;

  constructor(door: Door, name: string) {
    this.#door = door;
    this.name = name;
  }

  /**
   * Sends what flows through the router on to another name or to a webhook. Errors: `conflict` when that would close
   * a circle of routers, or there are too many subscriptions.
   */
  async subscribe(target: SubscriptionTarget, options: SubscribeOptions = {}): Promise<Subscription> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#subscribe(target, options);
      } catch (error) {
        if (!isVaultClientError(error, 'outcome_unknown') || attempt === MAX_ATTEMPTS) throw error;
        const made = await this.#alreadyMade(target, options);
        if (made !== undefined) return made;
      }
    }
  }

  /** A subscription asked for without knowing whether it was made. A webhook's secret is told only once. */
  async #alreadyMade(
    target: SubscriptionTarget,
    options: SubscribeOptions,
  ): Promise<Subscription | undefined> {
    const { filter, signal } = options;
    const subscriptions = await this.subscriptions({ signal });
    const isIt = (each: Subscription): boolean =>
      isDeepStrictEqual(each.target, target) && each.filter === filter && each.state !== 'ended';
    return subscriptions.find(isIt);
  }

  #subscribe(target: SubscriptionTarget, options: SubscribeOptions): Promise<Subscription> {
    const { from, filter, expires, secret, ...call } = options;
    const body = {
      target: 'name' in target ? { name: checkedName(target.name) } : { ...target, secret },
      from: from === undefined ? undefined : toQuery(toPlace(from)),
      filter,
      expires: expires?.toISOString(),
    };
    const action = { ...this.#action('subscribe', 'POST', '', call, body), statuses: [200, 201] };
    return act(this.#door.context, { ...action, repeatable: false }, one);
  }

  async subscriptions(options: CallOptions = {}): Promise<Subscription[]> {
    const question = this.#question('subscriptions', '', options);
    return await ask(this.#door.context, question, (response) =>
      list(parseMembers(response), 'subscriptions').filter(isMembers).map(toSubscription),
    );
  }

  /** Error: `not_found`. */
  subscription(id: string, options: CallOptions = {}): Promise<Subscription> {
    return ask(this.#door.context, this.#question('subscription', pathOf(id), options), one);
  }

  async unsubscribe(id: string, options: CallOptions = {}): Promise<void> {
    const action = { ...this.#action('unsubscribe', 'DELETE', pathOf(id), options), statuses: [200, 204] };
    await act(
      this.#door.context,
      action,
      () => true,
      ({ code }) => (code === 'not_found' ? true : undefined),
    );
  }

  /** Nothing is delivered until it is resumed; what comes meanwhile waits for it, as far as the policy allows. */
  pause(id: string, options: CallOptions = {}): Promise<Subscription> {
    return this.#turn(id, 'paused', options);
  }

  resume(id: string, options: CallOptions = {}): Promise<Subscription> {
    return this.#turn(id, 'active', options);
  }

  /** Gives a webhook's subscription another secret and answers it. Deliveries are signed with both for a while. */
  rotateSecret(id: string, options: CallOptions = {}): Promise<string> {
    const action = this.#action('rotate secret', 'POST', `${pathOf(id)}/secret`, options);
    return act(this.#door.context, { ...action, statuses: [200, 201], repeatable: false }, (response) => {
      return string(parseMembers(response), 'secret');
    });
  }

  /**
   * Gets the messages of the router itself, for as long as it is connected: `handler` is run with each, and when it
   * resolves the message is acknowledged. It stays the same listener over lost connections and changes of the leader.
   * Resolves when the signal fires; see ListenerOptions.
   */
  async listen(handler: ListenerHandler, options: ListenerOptions = {}): Promise<void> {
    // What speaks WebSocket is large: only those who want it wait for it to be loaded.
    const { listen } = await import('./listener.ts');
    await listen(this.#door, this.name, handler, options);
  }

  async stats(options: CallOptions = {}): Promise<RouterStats> {
    const stats = await askNameStats(this.#door, this.name, options);
    if (stats.role === 'router') return stats;
    throw new VaultClientError('rejected', `${this.name} is a ${stats.role}, not a router`);
  }

  /** Sends dead-lettered messages through the router again, up to `limit`; answers how many. */
  redrive(options: CountOptions = {}): Promise<number> {
    return redrive(this.#door, this.name, options);
  }

  #turn(id: string, state: 'active' | 'paused', options: CallOptions): Promise<Subscription> {
    return act(this.#door.context, this.#action(state, 'PUT', pathOf(id), options, { state }), one);
  }

  #question(verb: string, path: string, options: CallOptions): Question {
    return {
      ...this.#door.asking(options),
      operation: `${verb} ${this.name}`,
      path: `/${this.name}/-/subscriptions${path}`,
      of: 'leader',
      accept: 'application/json',
      maxResponseBytes: MAX_ANSWER_BYTES,
      stallTimeoutMs: Math.max(this.#door.context.attemptTimeoutMs, HANDSHAKE_MS),
    };
  }

  #action(
    verb: string,
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    options: CallOptions,
    body?: unknown,
  ): Action {
    const question = { ...this.#question(verb, path, options), method };
    if (body === undefined) return question;
    return {
      ...question,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify(body)),
    };
  }
}

function pathOf(id: string): string {
  return `/${encodeURIComponent(id)}`;
}

function one(response: TransportResponse): Subscription {
  return toSubscription(parseMembers(response));
}
