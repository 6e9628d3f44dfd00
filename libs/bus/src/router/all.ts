import { type Filter, parseFilter } from '../filter/filter.ts';
import { BatchPump } from './batch-pump.ts';
import type { Cursor, Gap } from './cursors-document.ts';
import type { Distribution, DistributionHost } from './distribution.ts';
import { isIn, withGap } from './gaps.ts';
import type { Attachment, ListenerEnd, RouterListener } from './listener.ts';
import { ListenerTarget } from './listener-target.ts';
import { MessagePump } from './message-pump.ts';
import { refuseListener } from './one-attachment.ts';
import type { StreamPlace } from './position.ts';
import type { Pump, PumpContext } from './pump.ts';
import { placeOf } from './start-place.ts';
import type { NameTarget, Subscription, WebhookSubscriber } from './state-document.ts';
import { knowsProducers, queueTarget, streamTarget, webhookTarget } from './targets.ts';
import { UnsavedGaps } from './unsaved-gaps.ts';

interface Connected {
  readonly pump: MessagePump;
  readonly target: ListenerTarget;
}

/** Every subscriber gets every message, each at its own pace from its own cursor. */
export class AllDistribution implements Distribution {
  readonly #host: DistributionHost;
  readonly #pumps = new Map<string, Pump>();
  /** Pumps on their way out: a subscription is served by one at a time. */
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #listeners = new Map<string, Connected>();
  readonly #unsavedGaps = new UnsavedGaps();
  #stopped = false;

  constructor(host: DistributionHost) {
    this.#host = host;
  }

  get listeners(): readonly StreamPlace[] {
    return [...this.#listeners.values()].map(({ pump }) => pump.cursor);
  }

  async start(subscriptions: readonly Subscription[]): Promise<void> {
    const { cursors } = this.#host.cursors.body;
    const known = new Set(subscriptions.map(({ id }) => id));
    for (const id of Object.keys(cursors)) {
      if (known.has(id)) continue;
      delete cursors[id];
      this.#host.cursors.touch();
    }
    for (const subscription of subscriptions) {
      const { id, target, state, start } = subscription;
      // What an earlier leader may have sent ends where the stream did when this one took over.
      const reached = knowsProducers(target) ? { reached: { ...this.#host.tail() } } : {};
      if (state !== 'ended') cursors[id] = { ...reached, ...(cursors[id] ?? start) };
      if (state === 'active') this.#begin(subscription);
      else this.#host.cursors.touch();
    }
  }

  async add(subscription: Subscription): Promise<void> {
    await this.#leaving.get(subscription.id);
    // Whoever paused it meanwhile has the last word.
    if (this.#stopped || this.#host.subscription(subscription.id)?.state !== 'active') return;
    if (!this.#pumps.has(subscription.id)) this.#begin(subscription);
  }

  async remove(subscriptionId: string, how: 'paused' | 'removed'): Promise<void> {
    const { cursors } = this.#host;
    const stopped = this.#end(subscriptionId);
    if (how === 'paused') return;
    // Messages in flight still move the cursor; the last word is that it is gone.
    void stopped.then(() => {
      delete cursors.body.cursors[subscriptionId];
      delete cursors.body.discarded?.[subscriptionId];
      cursors.touch();
    });
  }

  kick(): void {
    for (const pump of this.#pumps.values()) pump.kick();
    for (const { pump } of this.#listeners.values()) pump.kick();
  }

  pump(subscriptionId: string): Pump | undefined {
    return this.#pumps.get(subscriptionId);
  }

  cursor(subscriptionId: string): StreamPlace | undefined {
    return this.#pumps.get(subscriptionId)?.cursor ?? this.#host.cursors.body.cursors[subscriptionId];
  }

  reached(subscriptionId: string): number {
    const { cursors } = this.#host.cursors.body;
    return this.#pumps.get(subscriptionId)?.reached ?? cursors[subscriptionId]?.reached?.offset ?? 0;
  }

  /** A target that knows producers gets what follows under a new epoch: the numbers no longer follow from the cursor. */
  async jump(subscriptionId: string, to: StreamPlace): Promise<void> {
    const { cursors } = this.#host;
    await this.#end(subscriptionId);
    // Nobody would remove the cursor of one that has gone meanwhile.
    const { state = 'ended' } = this.#host.subscription(subscriptionId) ?? {};
    if (state === 'ended') return;
    const known = cursors.body.cursors[subscriptionId];
    const producer = { epoch: (known?.producer?.epoch ?? 0) + 1, sequence: 0 };
    // What was in flight may have got further meanwhile, or may be there without that anybody knows.
    if (Math.max(known?.offset ?? 0, known?.reached?.offset ?? 0) < to.offset)
      cursors.body.cursors[subscriptionId] = {
        ...to,
        producer,
        ...(known?.reached && { reached: { ...to } }),
      };
    await cursors.durable();
    const subscription = this.#host.subscription(subscriptionId);
    if (subscription?.state === 'active') await this.add(subscription);
  }

  gaps(subscriptionId: string): readonly Gap[] {
    return this.#host.cursors.body.discarded?.[subscriptionId] ?? [];
  }

  discard(subscriptionId: string, gap: Gap): void {
    const { body } = this.#host.cursors;
    const cursor = this.cursor(subscriptionId);
    body.discarded ??= {};
    body.discarded[subscriptionId] = withGap(this.gaps(subscriptionId), gap, cursor?.offset ?? 0);
    this.#unsavedGaps.hold(subscriptionId, gap.from.offset, {
      saved: this.#host.cursors.durable(),
      release: () => this.#pumps.get(subscriptionId)?.kick(),
    });
  }

  neededFrom(): number {
    const { cursors, tail } = this.#host;
    return Object.values(cursors.body.cursors).reduce(
      (least, { offset }) => Math.min(least, offset),
      tail().offset,
    );
  }

  async attach(listener: RouterListener): Promise<Attachment> {
    const filter = listener.filter === undefined ? undefined : parseFilter(listener.filter);
    const start = listener.from === undefined ? this.#host.tail() : await placeOf(this.#host, listener.from);
    if (this.#stopped) return refuseListener(listener);
    const before = this.#listeners.get(listener.id);
    before?.target.listener.ended('replaced');
    this.#let(listener.id, before);
    return this.#connect(listener, filter, start);
  }

  #connect(listener: RouterListener, filter: Filter | undefined, start: StreamPlace): Attachment {
    const { alarms } = this.#host;
    const target = new ListenerTarget({ listener, alarms });
    const context = this.#host.contextFor(listener.id, {
      accepts: (message) => filter?.matches(message) ?? true,
      acceptsAll: () => filter === undefined,
      readTo: () => this.#host.tail().offset,
      moved: () => {},
      ended: () => {},
    });
    const pump = new MessagePump({ context, target, start });
    const connected = { pump, target };
    this.#listeners.set(listener.id, connected);
    // Nothing is offered before whoever attaches has the attachment in hand.
    alarms.set(target, 0, () => pump.kick());
    return {
      acknowledge: (offset) => {
        target.acknowledge(offset);
        listener.acknowledged(offset);
      },
      room: () => pump.kick(),
      detach: () => this.#let(listener.id, connected),
    };
  }

  #let(listenerId: string, connected: Connected | undefined): void {
    if (connected === undefined) return;
    if (this.#listeners.get(listenerId) === connected) this.#listeners.delete(listenerId);
    void connected.pump.stop();
    connected.target.leave();
  }

  async stop(why: ListenerEnd): Promise<void> {
    this.#stopped = true;
    for (const [id, connected] of [...this.#listeners]) {
      this.#let(id, connected);
      connected.target.listener.ended(why);
    }
    for (const id of [...this.#pumps.keys()]) void this.#end(id);
    await Promise.all(this.#leaving.values());
  }

  #begin(subscription: Subscription): void {
    const { cursors } = this.#host;
    const { id, filter: text, start } = subscription;
    const filter = text === undefined ? undefined : parseFilter(text);
    const context = this.#host.contextFor(id, {
      accepts: (message) => !isIn(this.gaps(id), message.offset) && (filter?.matches(message) ?? true),
      acceptsAll: () => filter === undefined && this.gaps(id).length === 0,
      readTo: () => Math.min(this.#host.tail().offset, this.#unsavedGaps.limit(id)),
      moved: () => {
        cursors.body.cursors[id] = pump.cursor;
        cursors.touch();
      },
      ended: (reason) => this.#host.ended(id, reason),
    });
    const cursor = cursors.body.cursors[id] ?? { ...start };
    cursors.body.cursors[id] = cursor;
    const pump = this.#pumpFor(subscription, context, cursor);
    this.#pumps.set(id, pump);
    pump.kick();
  }

  #pumpFor(subscription: Subscription, context: PumpContext, start: Cursor): Pump {
    const { ports } = this.#host;
    const { id, target } = subscription;
    if (target.kind === 'webhook') {
      const subscriber = (): WebhookSubscriber => this.#webhook(id) ?? target;
      return new MessagePump({ context, target: webhookTarget(context, subscriber), start });
    }
    if (target.role === 'queue')
      return new MessagePump({ context, target: queueTarget(ports, target), start });
    return new BatchPump({ context, target: streamTarget(ports, target), producerId: id, start });
  }

  #webhook(id: string): WebhookSubscriber | undefined {
    const target: NameTarget | WebhookSubscriber | undefined = this.#host.subscription(id)?.target;
    return target?.kind === 'webhook' ? target : undefined;
  }

  #end(id: string): Promise<void> {
    const pump = this.#pumps.get(id);
    if (pump === undefined) return this.#leaving.get(id) ?? Promise.resolve();
    this.#pumps.delete(id);
    const { cursors } = this.#host;
    const leaving = pump.stop().then(() => {
      cursors.body.cursors[id] = pump.cursor;
      cursors.touch();
      if (this.#leaving.get(id) === leaving) this.#leaving.delete(id);
    });
    this.#leaving.set(id, leaving);
    return leaving;
  }
}
