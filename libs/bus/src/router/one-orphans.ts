import type { ReadMessage } from '@message-vault/log';
import { backOffMs } from './back-off.ts';
import type { Move, OneState, Share } from './cursors-document.ts';
import type { DistributionHost } from './distribution.ts';
import { isIn } from './gaps.ts';
import { type LeftShare, LeftShares } from './one-left-shares.ts';
import { currentShares } from './one-plan.ts';
import type { StreamPlace } from './position.ts';

export interface OrphansOptions {
  readonly host: Pick<DistributionHost, 'intake' | 'cursors' | 'alarms' | 'ports' | 'tail' | 'subscription'>;
  readonly one: OneState;
  owns(shareId: string, message: ReadMessage): boolean;
  /** Writes down who gets the message; undefined when nobody is there who wants it. */
  assign(message: ReadMessage, share: string): Move | undefined;
  /** An earlier leader may have handed it on. */
  isDoubtful(move: Move): boolean;
  /** Gives a move another member to go to; false when nobody is there who wants it. */
  redirect(message: ReadMessage, move: Move): boolean;
  /** The message may have been delivered to a member that is gone: nobody else is to have it. */
  deadLetter(message: ReadMessage, member: string): Promise<void>;
  /** Hands moves to whom they go to: they are saved. */
  start(moves: readonly Move[]): void;
}

/** Moves under way at once: they are part of one document. */
const MAX_MOVES = 256;
const PER_SAVE = 64;

/**
 * Sees to what members have left behind: shares that were not finished, and moves to those who have gone. A few at a time,
 * each saved before it is handed on; the rest waits where it is, in the router's stream.
 */
export class Orphans {
  readonly #options: OrphansOptions;
  readonly #left: LeftShares;
  #running: Promise<void> | undefined;
  #again = false;
  #failures = 0;
  #stopped = false;

  constructor(options: OrphansOptions) {
    this.#options = options;
    this.#left = new LeftShares({ one: options.one, isGone: (member) => this.#isGone(member) });
  }

  /** Somebody has come or gone, or a move is done. */
  kick(): void {
    if (this.#stopped || !this.#isNeeded()) return;
    this.#again = true;
    if (this.#running !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#again) this.kick();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#options.host.alarms.clear(this);
    await this.#running;
  }

  #isNeeded(): boolean {
    const { one } = this.#options;
    if (currentShares(one).length === 0) return false;
    return this.#left.next() !== undefined || this.#stranded().length > 0;
  }

  async #run(): Promise<void> {
    const { host } = this.#options;
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        await this.#redirectStranded();
        await this.#emptyShare();
        this.#failures = 0;
      }
    } catch {
      // Storage does not answer, or the term ends. What was written down by then is saved and handed on, no more.
      this.#again = false;
      this.#failures += 1;
      if (this.#stopped) return;
      host.alarms.set(this, backOffMs(this.#failures, host.ports.runtime.random()), () => this.kick());
    }
  }

  #stranded(): Move[] {
    const { one } = this.#options;
    const there = new Set(currentShares(one).map((id) => one.shares[id]?.member));
    return one.moves.filter(({ done, to }) => !done && !there.has(to));
  }

  async #redirectStranded(): Promise<void> {
    const { host, redirect, isDoubtful } = this.#options;
    const redirected: Move[] = [];
    try {
      for (const move of this.#stranded()) {
        const message = await host.intake.message(move.offset);
        // Whom it is for may have come back meanwhile.
        if (!this.#stranded().includes(move)) continue;
        if (message === undefined) move.done = true;
        else if (isDoubtful(move)) await this.#giveUp(message, move.to, () => (move.done = true));
        else if (redirect(message, move)) redirected.push(move);
        else if (this.#isGone(move.to)) move.done = true;
      }
    } finally {
      // They are stranded no longer: nobody would come back to them.
      await this.#hand(redirected);
    }
  }

  async #emptyShare(): Promise<void> {
    const { host, one } = this.#options;
    const next = this.#left.next();
    if (next === undefined || currentShares(one).length === 0) return;
    if (one.moves.filter(({ done }) => !done).length >= MAX_MOVES) return;
    const messages = await this.#read(next);
    const moves: Move[] = [];
    try {
      for (const { message, after } of messages) {
        // Where others have come or gone meanwhile it is looked at anew.
        if (moves.length >= PER_SAVE || this.#stopped || next.by !== currentShares(one)) break;
        if (this.#isInDoubt(next, message))
          await this.#giveUp(message, next.share.member, () => settleDoubt(next.share, message.offset));
        else {
          const move = this.#assign(next.id, next.share, message);
          // What nobody wants any more waits for nothing.
          if (move === 'nobody' && !this.#isGone(next.share.member)) this.#left.wait(next);
          if (move !== undefined && move !== 'nobody') moves.push(move);
        }
        this.#left.pass(next, after);
      }
    } finally {
      // The cursor is behind them: nobody would come back to them.
      await this.#hand(moves);
    }
    if (messages.length === 0) this.#left.pass(next, { offset: next.end });
    this.#again = true;
    if (moves.length === 0) await host.cursors.durable();
  }

  /** For good: unsubscribed, expired, ended, or a listener that was waited for. */
  #isGone(member: string): boolean {
    const subscription = this.#options.host.subscription(member);
    return subscription === undefined || subscription.state === 'ended';
  }

  #isInDoubt({ id, share }: { id: string; share: Share }, message: ReadMessage): boolean {
    const { doubt } = share;
    if (doubt === undefined || this.#isSeenTo(share, message.offset)) return false;
    const counted = doubt.count > 0 && message.offset < doubt.below;
    return (counted || doubt.offsets.includes(message.offset)) && this.#options.owns(id, message);
  }

  async #giveUp(message: ReadMessage, member: string, done: () => void): Promise<void> {
    await this.#options.deadLetter(message, member);
    done();
  }

  #isSeenTo(share: Share, offset: number): boolean {
    if (isIn(share.discarded ?? [], offset)) return true;
    return share.done.includes(offset) || this.#options.one.moves.some((move) => move.offset === offset);
  }

  async #hand(moves: readonly Move[]): Promise<void> {
    if (moves.length === 0) return;
    await this.#options.host.cursors.durable();
    this.#options.start(moves);
  }

  /** Undefined for what is not this share's, or is seen to already. */
  #assign(id: string, share: Share, message: ReadMessage): Move | 'nobody' | undefined {
    const { owns, assign } = this.#options;
    if (this.#isSeenTo(share, message.offset)) return undefined;
    if (!owns(id, message)) return undefined;
    return assign(message, id) ?? 'nobody';
  }

  /** The next messages of the share's part of the stream, each with where to go on after it. */
  async #read(left: LeftShare): Promise<{ message: ReadMessage; after: StreamPlace }[]> {
    const { from, end } = left;
    const { batches, nextOffset } = await this.#options.host.intake.read(from);
    const messages: { message: ReadMessage; after: StreamPlace }[] = [];
    for (const batch of batches) {
      const inside = batch.messages();
      for (const [index, message] of inside.entries()) {
        if (message.offset < from || message.offset >= end) continue;
        const { offset, sequenceNumber } = message;
        const within = { offset: offset + 1, sequenceNumber: sequenceNumber + 1 };
        messages.push({ message, after: index + 1 < inside.length ? within : batch.next });
      }
    }
    if (messages.length === 0 && nextOffset > from && nextOffset < end) {
      this.#left.pass(left, { offset: nextOffset });
      return this.#read(left);
    }
    return messages;
  }
}

/** The message was seen to: one that was counted is counted no more. */
function settleDoubt(share: Share, offset: number): void {
  const { doubt } = share;
  share.done.push(offset);
  if (doubt === undefined) return;
  if (doubt.offsets.includes(offset)) doubt.offsets = doubt.offsets.filter((each) => each !== offset);
  else doubt.count -= 1;
}
