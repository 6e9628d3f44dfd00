import { encodeBatch } from '@message-vault/framing';
import type { ReadMessage, Tail } from '@message-vault/log';
import { intakeOf, type RouterDocument } from '@message-vault/metadata';
import { newWebhookSecret } from '../webhook/signature.ts';
import type { Alarms } from './alarms.ts';
import { AllDistribution } from './all.ts';
import { backlogOf, isFull } from './backlog.ts';
import type { ClaimedDocument } from './claimed-document.ts';
import type { RouterCursors } from './cursors-document.ts';
import type { Distribution, DistributionHost } from './distribution.ts';
import { RouterError } from './errors.ts';
import { Intake } from './intake.ts';
import type { Attachment, ListenerEnd, RouterListener } from './listener.ts';
import { OneDistribution } from './one.ts';
import { Overflows } from './overflows.ts';
import type { DispatcherPorts } from './ports.ts';
import type { StreamPlace } from './position.ts';
import type { PumpContext } from './pump.ts';
import type { RecentChunks } from './recent-chunks.ts';
import { deliverOnce } from './redelivery.ts';
import type { RouterStats, SubscriptionRequest, SubscriptionView } from './requests.ts';
import type { SendBudget } from './send-budget.ts';
import { placeOf } from './start-place.ts';
import type { RouterState, Subscription } from './state-document.ts';
import { viewOf } from './views.ts';

export interface RouterWorkOptions {
  readonly document: RouterDocument;
  readonly ports: DispatcherPorts;
  readonly alarms: Alarms;
  readonly budget: SendBudget;
  readonly recent: RecentChunks;
  readonly signal: AbortSignal;
  readonly state: ClaimedDocument<RouterState>;
  readonly cursors: ClaimedDocument<RouterCursors>;
  readonly tail: Tail;
}

/** The work for one router in one term of leadership: its subscriptions, who gets what, and what outlives this leader. */
export class RouterWork {
  readonly #options: RouterWorkOptions;
  readonly #intake: Intake;
  readonly #distribution: Distribution;
  readonly #overflows: Overflows;
  #document: RouterDocument;
  /** The last change of each: over or not. */
  readonly #stateChanges = new WeakMap<Subscription, Promise<void>>();
  #tail: StreamPlace;
  #stopped: Promise<void> | undefined;

  constructor(options: RouterWorkOptions) {
    const { document, ports, alarms, recent, signal, tail, cursors } = options;
    this.#options = options;
    this.#document = document;
    this.#tail = { offset: tail.offset, sequenceNumber: tail.nextSequenceNumber };
    const lease = ports.acquireReader(intakeOf(document));
    this.#intake = new Intake({ lease, alarms, recent, signal });
    const host: DistributionHost = {
      ports,
      alarms,
      intake: this.#intake,
      cursors,
      tail: () => this.#tail,
      contextFor: (id, parts) => this.#contextFor(id, parts),
      maxAttempts: () => this.#document.policy.pushDeliveryRetries + 1,
      subscription: (id) => this.#find(id),
      ended: (id, reason) => void this.#endSubscription(id, reason),
    };
    this.#distribution = distributionFor(document, host);
    this.#overflows = new Overflows({ host, distribution: this.#distribution });
  }

  get document(): RouterDocument {
    return this.#document;
  }

  get streamId(): string {
    return this.#document.streamId;
  }

  async start(): Promise<void> {
    const { subscriptions } = this.#options.state.body;
    for (const subscription of subscriptions) this.#watchExpiry(subscription);
    await this.#distribution.start(subscriptions);
  }

  /** The policy may have changed. */
  changed(document: RouterDocument): void {
    if (document.routerId === this.#document.routerId) this.#document = document;
  }

  /** The stream has grown. */
  grown({ offset, nextSequenceNumber }: Tail): void {
    if (offset <= this.#tail.offset) return;
    const before = this.#tail;
    this.#tail = { offset, sequenceNumber: nextSequenceNumber };
    this.#overflows.look(this.#document.policy, this.#options.state.body.subscriptions, before);
    this.#distribution.kick();
  }

  /** Throws RouterError `buffer_full` when the policy says to take nothing while somebody has too much to catch up. */
  admit(): void {
    const { policy } = this.#document;
    if (policy.overflow !== 'reject') return;
    if (policy.maxQueueLength === undefined && policy.maxQueueCapacityBytes === undefined) return;
    for (const { id, state } of this.#options.state.body.subscriptions) {
      const cursor = state === 'ended' ? undefined : this.#distribution.cursor(id);
      if (cursor === undefined || !isFull(backlogOf(cursor, this.#tail), policy)) continue;
      throw new RouterError('buffer_full', `as much waits for subscription ${id} as the policy allows`);
    }
  }

  /** Ids of the routers it hands on to. */
  targets(): string[] {
    const ids: string[] = [];
    for (const { target, state } of this.#options.state.body.subscriptions) {
      if (target.kind === 'name' && target.role === 'router' && state !== 'ended') ids.push(target.id);
    }
    return ids;
  }

  /** Takes in a subscription whose target is known to be good. Errors: RouterError, those of a StreamReader. */
  async subscribe(
    request: Pick<SubscriptionRequest, 'from' | 'filter' | 'expiresAt'>,
    made: Pick<Subscription, 'id' | 'target'>,
  ): Promise<SubscriptionView> {
    const { state, ports } = this.#options;
    const { maxSubscribers, distribution } = this.#document.policy;
    const { from, filter, expiresAt } = request;
    if (expiresAt !== undefined && expiresAt <= ports.runtime.now())
      throw new RouterError('bad_request', 'it would have expired before it begins');
    if (distribution === 'one' && from !== undefined && !('at' in from && from.at === 'latest')) {
      throw new RouterError(
        'bad_request',
        'a router that gives each message to one can not give it out again',
      );
    }
    const start = from === undefined ? this.#tail : await placeOf(this.#placing(), from);
    const { subscriptions } = state.body;
    if (subscriptions.filter((each) => each.state !== 'ended').length >= maxSubscribers) {
      throw new RouterError('too_many_subscribers', `${this.#document.name} takes ${maxSubscribers} at most`);
    }
    const subscription: Subscription = {
      ...made,
      ...(filter === undefined ? {} : { filter }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      start: { ...start },
      createdAt: ports.runtime.now(),
      state: 'active',
    };
    subscriptions.push(subscription);
    await state.durable();
    await this.#distribution.add(subscription);
    this.#watchExpiry(subscription);
    return this.#view(subscription);
  }

  /** Something is gone for good; subscriptions to it end. */
  targetGone(targetId: string): void {
    for (const { id, target } of this.#options.state.body.subscriptions) {
      if (target.kind === 'name' && target.id === targetId)
        void this.#endSubscription(id, `${target.name} is gone, or has another role now`);
    }
  }

  views(): SubscriptionView[] {
    return this.#options.state.body.subscriptions.map((each) => this.#view(each));
  }

  view(id: string): SubscriptionView {
    return this.#view(this.#get(id));
  }

  async unsubscribe(id: string): Promise<void> {
    const { state, alarms } = this.#options;
    const subscription = this.#get(id);
    state.body.subscriptions = state.body.subscriptions.filter((each) => each !== subscription);
    alarms.clear(expiryKey(id));
    await state.durable();
    await this.#distribution.remove(id, 'removed');
  }

  async setState(id: string, wanted: 'active' | 'paused'): Promise<SubscriptionView> {
    const subscription = this.#get(id);
    if (subscription.state === 'ended')
      throw new RouterError('bad_target', `this subscription has ended: ${subscription.reason ?? ''}`);
    if (subscription.state !== wanted) {
      subscription.state = wanted;
      this.#stateChanges.set(subscription, this.#changed(subscription, wanted));
    }
    // Whoever asks for what somebody else has asked for is answered when it is so, not before.
    await this.#stateChanges.get(subscription);
    return this.#view(subscription);
  }

  async #changed(subscription: Subscription, to: 'active' | 'paused'): Promise<void> {
    await this.#options.state.durable();
    if (to === 'active') await this.#distribution.add(subscription);
    else await this.#distribution.remove(subscription.id, 'paused');
  }

  /** A new secret signs first; the one before still signs too, until the next rotation. */
  async rotateSecret(id: string): Promise<string> {
    const { target } = this.#get(id);
    if (target.kind !== 'webhook') throw new RouterError('bad_target', 'only webhooks have secrets');
    const secret = newWebhookSecret(this.#options.ports.runtime);
    target.secrets = [secret, ...target.secrets].slice(0, 2);
    await this.#options.state.durable();
    return secret;
  }

  attach(listener: RouterListener): Promise<Attachment> {
    return this.#distribution.attach(listener);
  }

  async stats(): Promise<RouterStats> {
    const views = this.views();
    const { listeners } = this.#distribution;
    const lags = listeners.map((cursor) => backlogOf(cursor, this.#tail).messages);
    return {
      subscriptions: views.length,
      listeners: listeners.length,
      nextOffset: this.#tail.offset,
      nextSequenceNumber: this.#tail.sequenceNumber,
      deadLettered: await this.#options.ports.queues.countDeadLetters(this.#document),
      maxLag: Math.max(0, ...lags, ...views.map(({ lag }) => lag)),
    };
  }

  /** Gives up to `limit` dead letters to whom they were for once more. Answers how many got through. */
  redrive(limit: number): Promise<number> {
    const { ports } = this.#options;
    return ports.queues.redrive(this.#document, limit, (message, source) => this.#again(message, source));
  }

  /** Nothing before this offset is needed by any subscription. */
  neededFrom(): number {
    return this.#distribution.neededFrom();
  }

  /** Resolves when nothing is in flight and, if it can be, all is saved. */
  stop(why: ListenerEnd): Promise<void> {
    this.#stopped ??= this.#stop(why);
    return this.#stopped;
  }

  /** Removes what is kept of the router. Errors: StorageError. */
  async remove(): Promise<void> {
    await this.stop('router_gone');
    await this.#options.cursors.remove();
    await this.#options.state.remove();
  }

  async #stop(why: ListenerEnd): Promise<void> {
    const { alarms, state, cursors } = this.#options;
    for (const { id } of state.body.subscriptions) alarms.clear(expiryKey(id));
    await this.#distribution.stop(why);
    this.#intake.close();
    await Promise.all([cursors.flush(), state.flush()]);
  }

  async #again(message: ReadMessage, source: string | undefined): Promise<boolean> {
    const { ports } = this.#options;
    if (this.#document.policy.distribution === 'one') {
      await ports.append(intakeOf(this.#document), encodeBatch({ messages: [message] }));
      return true;
    }
    const subscription = source === undefined ? undefined : this.#find(source);
    if (subscription === undefined || subscription.state === 'ended') return false;
    const { name: router, policy } = this.#document;
    const { pushDeliveryTimeoutMs: timeoutMs } = policy;
    return deliverOnce(ports, { router, subscription, message, timeoutMs, signal: this.#options.signal });
  }

  #placing(): Pick<DistributionHost, 'intake' | 'tail'> {
    return { intake: this.#intake, tail: () => this.#tail };
  }

  #view(subscription: Subscription): SubscriptionView {
    const pump = this.#distribution.pump(subscription.id);
    const cursor = this.#distribution.cursor(subscription.id) ?? subscription.start;
    return viewOf(subscription, { pump, cursor, tail: this.#tail });
  }

  #find(id: string): Subscription | undefined {
    return this.#options.state.body.subscriptions.find((each) => each.id === id);
  }

  #get(id: string): Subscription {
    const subscription = this.#find(id);
    if (subscription !== undefined) return subscription;
    throw new RouterError('no_such_subscription', `${this.#document.name} has no subscription ${id}`);
  }

  async #endSubscription(id: string, reason: string): Promise<void> {
    const { state, ports } = this.#options;
    const subscription = this.#find(id);
    if (subscription === undefined || subscription.state === 'ended') return;
    subscription.state = 'ended';
    subscription.reason = reason;
    subscription.endedAt = ports.runtime.now();
    ports.logger.warn({ router: this.#document.name, subscription: id, reason }, 'a subscription has ended');
    await state.durable().catch(() => {});
    await this.#distribution.remove(id, 'removed').catch(() => {});
  }

  #watchExpiry({ id, expiresAt, state }: Subscription): void {
    const { alarms, ports } = this.#options;
    if (expiresAt === undefined || state === 'ended') return;
    alarms.set(expiryKey(id), expiresAt - ports.runtime.now(), () => {
      // Long times are waited for in parts, and wall clocks may be put back.
      const subscription = this.#find(id);
      if (subscription === undefined) return;
      if (ports.runtime.now() < expiresAt) this.#watchExpiry(subscription);
      else void this.#expire(id).catch(() => {});
    });
  }

  /** It is given nothing from now on, however long the storage takes to be told. */
  async #expire(id: string): Promise<void> {
    const paused = this.#distribution.remove(id, 'paused');
    await Promise.all([paused, this.unsubscribe(id)]);
  }

  #contextFor(
    subscriptionId: string,
    parts: Pick<PumpContext, 'accepts' | 'acceptsAll' | 'readTo' | 'moved' | 'ended'>,
  ): PumpContext {
    const { ports, alarms, budget, signal, cursors } = this.#options;
    return {
      ...parts,
      router: this.#document.name,
      subscriptionId,
      ports,
      intake: this.#intake,
      alarms,
      budget,
      signal,
      policy: () => this.#document.policy,
      saved: () => cursors.durable(),
      deadLetter: (message, reason) =>
        ports.queues.deadLetter(this.#document, message, { reason, source: subscriptionId }),
    };
  }
}

function expiryKey(id: string): string {
  return `expiry of ${id}`;
}

function distributionFor({ policy }: RouterDocument, host: DistributionHost): Distribution {
  return policy.distribution === 'one' ? new OneDistribution(host) : new AllDistribution(host);
}
