import { parseFilter } from '../filter/filter.ts';
import type { Gap, Member, OneState } from './cursors-document.ts';
import type { Distribution, DistributionHost } from './distribution.ts';
import { isIn, withGap } from './gaps.ts';
import type { Attachment, ListenerEnd, RouterListener } from './listener.ts';
import { Acknowledgements, connectListener, refuseListener } from './one-attachment.ts';
import { OneChoice } from './one-choice.ts';
import { Frontier } from './one-frontier.ts';
import { graceKey, LISTENER_GRACE_MS, rejoinKey } from './one-keys.ts';
import { OneListener } from './one-listener.ts';
import { type MemberTarget, OneMember } from './one-member.ts';
import { Orphans } from './one-orphans.ts';
import {
  currentShare,
  currentShares,
  emptyOne,
  hasSubstitute,
  isCovered,
  join,
  leave,
  neededFrom,
  nextEpoch,
  prune,
  renumberMoves,
  spanOf,
} from './one-plan.ts';
import { DOUBT_COUNT, reach } from './one-reach.ts';
import { StandIns } from './one-stand-ins.ts';
import type { StreamPlace } from './position.ts';
import { NO_PUMP, type Pump, type PumpContext } from './pump.ts';
import type { Subscription } from './state-document.ts';
import { Suspensions } from './suspensions.ts';
import { knowsProducers } from './targets.ts';
import { UnsavedGaps } from './unsaved-gaps.ts';

/** Each message goes to exactly one of the members, see one-plan.ts. */
export class OneDistribution implements Distribution {
  readonly #host: DistributionHost;
  readonly #one: OneState;
  readonly #members = new Map<string, OneMember>();
  readonly #choice: OneChoice;
  readonly #standIns: StandIns;
  readonly #orphans: Orphans;
  readonly #acknowledgements = new Acknowledgements();
  readonly #suspensions: Suspensions;
  /** Members come and go one after the other. */
  #changes: Promise<void> = Promise.resolve();
  #stopped = false;
  readonly #frontier: Frontier;
  readonly #unsavedGaps = new UnsavedGaps();

  constructor(host: DistributionHost) {
    this.#host = host;
    host.cursors.body.one ??= emptyOne();
    this.#one = host.cursors.body.one;
    this.#choice = new OneChoice(this.#one);
    host.cursors.beforeSave = () => {
      for (const member of this.#members.values()) member.save();
      prune(this.#one);
    };
    host.cursors.afterSave = () => {
      for (const member of this.#members.values()) member.saved();
    };
    this.#suspensions = new Suspensions(host.ports.runtime);
    const members = this.#members;
    this.#frontier = new Frontier({
      claimedAt: host.tail(),
      pumps: () => [...members.values()].map(({ pump }) => pump),
      saved: () => this.#saved(),
    });
    this.#standIns = new StandIns({
      host,
      one: this.#one,
      choice: this.#choice,
      member: (id) => members.get(id),
      saved: () => this.#saved(),
      stoodInFor: (id) => this.#suspendIfFailing(id),
    });
    this.#orphans = this.#createOrphans(this.#standIns);
  }

  #createOrphans(standIns: StandIns): Orphans {
    const host = this.#host;
    return new Orphans({
      host,
      one: this.#one,
      owns: (shareId, message) => this.#choice.owner(message) === shareId,
      assign: (message, share) => this.#choice.move(message, { share, not: undefined, attempts: 0 }),
      deadLetter: (message, member) =>
        host
          .contextFor(member, NO_PUMP)
          .deadLetter(message, 'it may have been delivered to a subscriber that is gone'),
      isDoubtful: (move) => standIns.isDoubtful(move),
      redirect: (message, move) => this.#choice.redirect(message, move, undefined),
      start: (moves) => standIns.start(moves),
    });
  }

  get listeners(): readonly StreamPlace[] {
    return [...this.#members.values()].filter(({ connected }) => connected).map(({ pump }) => pump.cursor);
  }

  /** Members that are gone for good leave, those that were there go on with what they had. */
  async start(subscriptions: readonly Subscription[]): Promise<void> {
    const active = subscriptions.filter(({ state }) => state === 'active');
    const unseen: { member: string; shareId: string }[] = [];
    for (const shareId of currentShares(this.#one)) {
      const member = this.#one.shares[shareId]?.member;
      if (member === undefined) continue;
      const subscription = active.find(({ id }) => id === member);
      this.#noteReached(shareId);
      if (subscription !== undefined)
        this.#begin(member, shareId, (context) =>
          reach(this.#host, subscription, { context, doubtBelow: this.#frontier.claimedAt.offset }),
        );
      else if (this.#one.members[member]?.kind === 'listener') this.#beginListener(member, shareId);
      else unseen.push({ member, shareId });
    }
    // Nobody goes before all have come: what only they want would be passed over in between.
    for (const subscription of active) await this.add(subscription);
    for (const { member, shareId } of unseen) await this.#change(() => this.#departUnseen(member, shareId));
    this.#orphans.kick();
  }

  add(subscription: Subscription): Promise<void> {
    return this.#change(() => this.#join(subscription));
  }

  async #join(subscription: Subscription): Promise<void> {
    const { id, filter, target } = subscription;
    if (this.#members.has(id) || this.#host.subscription(id)?.state !== 'active') return;
    const kind = knowsProducers(target) ? 'exact' : 'push';
    const shareId = await this.#arrive({ id, kind, filter });
    this.#begin(id, shareId, (context) => reach(this.#host, subscription, { context, doubtBelow: 0 }));
  }

  remove(subscriptionId: string): Promise<void> {
    this.#host.alarms.clear(rejoinKey(subscriptionId));
    this.#suspensions.forget(subscriptionId);
    return this.#change(() => this.#goes(subscriptionId));
  }

  async attach(listener: RouterListener): Promise<Attachment> {
    if (listener.filter !== undefined) parseFilter(listener.filter);
    this.#host.alarms.clear(graceKey(listener.id));
    await this.#change(async () => {
      const { id, filter } = listener;
      const known = this.#members.get(id);
      if (known !== undefined && currentShare(this.#one, id)?.filter === filter) return;
      known?.listener?.disconnect('replaced');
      if (known !== undefined) await this.#goes(id);
      this.#beginListener(id, await this.#arrive({ id, kind: 'listener', filter }));
    });
    return this.#connect(listener);
  }

  kick(): void {
    for (const member of this.#members.values()) member.kick();
    this.#orphans.kick();
  }

  pump(subscriptionId: string): Pump | undefined {
    return this.#members.get(subscriptionId)?.pump ?? this.#suspensions.pump(subscriptionId);
  }

  cursor(subscriptionId: string): StreamPlace | undefined {
    return this.#members.get(subscriptionId)?.pump.cursor ?? currentShare(this.#one, subscriptionId)?.cursor;
  }

  reached(subscriptionId: string): number {
    return this.#members.get(subscriptionId)?.pump.reached ?? 0;
  }

  /** A member leaves what it was to do undone: it leaves, and joins at `to`. */
  jump(subscriptionId: string, to: StreamPlace): Promise<void> {
    return this.#change(async () => {
      const member = this.#members.get(subscriptionId);
      if (member === undefined) return;
      await member.stop();
      const share = this.#one.shares[member.shareId];
      // It has put down how far it was, and is not to do so again.
      this.#members.delete(subscriptionId);
      this.#frontier.keep(member.pump.next);
      if (share !== undefined && Math.max(share.cursor.offset, member.pump.reached) < to.offset)
        share.cursor = { ...to, producer: nextEpoch(share) };
      await this.#host.cursors.durable();
      const subscription = this.#host.subscription(subscriptionId);
      if (subscription !== undefined)
        this.#begin(subscriptionId, member.shareId, (context) =>
          reach(this.#host, subscription, { context, doubtBelow: this.#frontier.claimedAt.offset }),
        );
    });
  }

  discard(subscriptionId: string, gap: Gap): void {
    const share = currentShare(this.#one, subscriptionId);
    if (share === undefined) return;
    share.discarded = withGap(share.discarded ?? [], gap, share.cursor.offset);
    this.#unsavedGaps.hold(subscriptionId, gap.from.offset, {
      saved: this.#saved(),
      release: () => this.#members.get(subscriptionId)?.kick(),
    });
  }

  gaps(subscriptionId: string): readonly Gap[] {
    return currentShare(this.#one, subscriptionId)?.discarded ?? [];
  }

  neededFrom(): number {
    return neededFrom(this.#one, this.#host.tail());
  }

  async stop(why: ListenerEnd): Promise<void> {
    this.#stopped = true;
    this.#standIns.stop();
    const members = [...this.#members.values()];
    for (const { id, listener } of members) {
      for (const key of [graceKey(id), rejoinKey(id)]) this.#host.alarms.clear(key);
      listener?.disconnect(why);
    }
    await Promise.all([...members.map((member) => member.stop()), this.#orphans.stop()]);
    await this.#changes;
  }

  #change(work: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(async () => {
      if (!this.#stopped) await work();
    });
    this.#changes = done.catch(() => {});
    return done;
  }

  async #replan(edit: (at: StreamPlace) => void): Promise<void> {
    await this.#frontier.replan(edit);
    this.kick();
  }

  async #arrive(member: { id: string; kind: Member['kind']; filter: string | undefined }): Promise<string> {
    let shareId = '';
    await this.#replan((at) => {
      shareId = join(this.#one, member, at);
    });
    return shareId;
  }

  /** What an earlier leader may have sent ends where the stream did when this one took over. */
  #noteReached(shareId: string): void {
    const share = this.#one.shares[shareId];
    if (share !== undefined && this.#one.members[share.member]?.kind === 'exact')
      share.cursor.reached ??= { ...this.#frontier.claimedAt };
  }

  /** A member that went while an earlier leader led: what that one had in hand may have been delivered. */
  async #departUnseen(id: string, shareId: string): Promise<void> {
    const share = this.#one.shares[shareId];
    const kind = this.#one.members[id]?.kind;
    const count = kind === 'push' ? DOUBT_COUNT : Number.MAX_SAFE_INTEGER;
    if (share !== undefined && kind !== 'listener')
      share.doubt = { offsets: [], count, below: (share.cursor.reached ?? this.#frontier.claimedAt).offset };
    await this.#goes(id);
  }

  /** It departs, and who was left out for failing, and was not missed because it was there, comes back first. */
  async #goes(id: string): Promise<void> {
    for (const left of this.#suspensions.members) {
      const subscription = left === id ? undefined : this.#host.subscription(left);
      if (subscription !== undefined && !isCovered(this.#one, subscription.filter, id))
        await this.#join(subscription);
    }
    await this.#depart(id);
  }

  /** What it had goes to others once that is saved, not before. */
  async #depart(id: string): Promise<void> {
    const member = this.#members.get(id);
    await member?.stop();
    if (this.#stopped) return;
    await this.#replan((at) => {
      leave(this.#one, id, at);
      this.#members.delete(id);
    });
  }

  #begin(id: string, shareId: string, reach: (context: PumpContext) => MemberTarget): void {
    if (this.#stopped) return; // Nobody would stop it any more.
    const context = this.#host.contextFor(id, {
      accepts: (message) =>
        this.#choice.owner(message) === shareId &&
        !isIn(this.#one.shares[shareId]?.discarded ?? [], message.offset),
      acceptsAll: () => false,
      readTo: () => Math.min(this.#host.tail().offset, this.#frontier.limit, this.#unsavedGaps.limit(id)),
      moved: () => this.#host.cursors.touch(),
      ended: (reason) => this.#host.ended(id, reason),
    });
    const member = new OneMember({
      id,
      shareId,
      one: this.#one,
      context: { ...context, saved: () => this.#saved() },
      reached: reach(context),
      maxSpan: spanOf(this.#one),
      takenOver: (entry) => this.#standIns.takeOver(id, shareId, entry),
      moveTakenOver: (move, message) => this.#standIns.moveOn(id, move, message),
      dealtWith: (offset) => this.#dealtWith(offset),
      renumber: async (knownEpoch) => {
        renumberMoves(this.#one, id, knownEpoch);
        await this.#saved();
      },
    });
    this.#members.set(id, member);
    for (const move of this.#one.moves) if (!move.done && move.to === id) member.moves.add(move);
    member.kick();
  }

  #beginListener(id: string, shareId: string): void {
    const { alarms } = this.#host;
    this.#begin(id, shareId, (context) => {
      const listener = new OneListener({
        alarms,
        acknowledgeWithinMs: () => context.policy().pushDeliveryTimeoutMs,
        maxAttempts: () => this.#host.maxAttempts(),
      });
      return { kind: 'messages', target: listener, listener };
    });
    this.#awaitReturn(id);
  }

  #connect(listener: RouterListener): Attachment {
    const member = this.#members.get(listener.id);
    const target = member?.listener;
    if (this.#stopped || member === undefined || target === undefined) return refuseListener(listener);
    return connectListener(listener, {
      member,
      target,
      alarms: this.#host.alarms,
      acknowledgements: this.#acknowledgements,
      gone: () => this.#awaitReturn(listener.id),
    });
  }

  #awaitReturn(id: string): void {
    this.#host.alarms.set(graceKey(id), LISTENER_GRACE_MS, () => {
      if (this.#members.get(id)?.connected) return;
      void this.#change(() => this.#goes(id)).catch(() => {});
    });
  }

  /** One that fails again and again is left out for a while, if what it wants has somebody else to go to. */
  #suspendIfFailing(id: string): void {
    const member = this.#members.get(id);
    if (member === undefined || !member.pump.failing || !hasSubstitute(this.#one, id)) return;
    void this.#change(async () => {
      // What failed at the same time counts once; and it may have gone, and come back, meanwhile.
      if (this.#members.get(id) !== member || !hasSubstitute(this.#one, id)) return;
      const afterMs = this.#suspensions.add(id, member.pump);
      member.listener?.disconnect('too_slow');
      await this.#depart(id);
      const subscription = this.#host.subscription(id);
      if (subscription === undefined || this.#stopped) return;
      this.#host.alarms.set(rejoinKey(id), afterMs, () => {
        const now = this.#host.subscription(id);
        if (now?.state === 'active') void this.add(now).catch(() => {});
      });
    }).catch(() => {});
  }

  #dealtWith(offset: number): void {
    this.#orphans.kick();
    const listener = this.#acknowledgements.take(offset);
    if (listener === undefined) {
      this.#host.cursors.touch();
      return;
    }
    void this.#saved().then(
      () => listener.acknowledged(offset),
      () => {},
    );
  }

  #saved(): Promise<void> {
    return this.#host.cursors.durable();
  }
}
