import { encodeBatch } from '@message-vault/framing';
import { isLogError, type ReadMessage } from '@message-vault/log';
import { messageOf } from '@message-vault/runtime';
import { BatchPump, type BatchTarget } from './batch-pump.ts';
import type { Doubt, Move, OneState, Share } from './cursors-document.ts';
import type { DeliveryResult } from './delivery.ts';
import { derivedUuid } from './derived-id.ts';
import { MessagePump, type MessageTarget } from './message-pump.ts';
import { MoveQueue, type MoveTarget } from './move-queue.ts';
import type { OneListener } from './one-listener.ts';
import type { Pump, PumpContext } from './pump.ts';
import type { Entry } from './window.ts';

/** How a member is reached. */
export type MemberTarget =
  | {
      readonly kind: 'messages';
      readonly target: MessageTarget;
      readonly listener?: OneListener;
      /** What is answered to may not be saved, see MessagePump. */
      readonly doubt?: { readonly count: number; readonly below: number };
    }
  | { readonly kind: 'batches'; readonly target: BatchTarget };

export interface OneMemberOptions {
  readonly id: string;
  readonly shareId: string;
  readonly one: OneState;
  readonly context: PumpContext;
  readonly reached: MemberTarget;
  readonly maxSpan: number;
  /** A message of its own that it could not take: true when it goes to another. */
  readonly takenOver: (entry: Entry, reason: string) => boolean;
  readonly moveTakenOver: (move: Move, message: ReadMessage) => boolean;
  /** A message was dealt with; `offset` of one that was its own or moved to it. */
  readonly dealtWith: (offset: number) => void;
  /** The numbers of what is moved to it have to begin anew; resolves when that is saved. */
  readonly renumber: (knownEpoch: number) => Promise<void>;
}

/** One of those a router `one` gives messages to: its own share of the stream, and what others could not take. */
export class OneMember {
  readonly id: string;
  readonly shareId: string;
  readonly pump: Pump;
  readonly moves: MoveQueue;
  readonly listener: OneListener | undefined;
  readonly #options: OneMemberOptions;
  readonly #messages: MessagePump | undefined;
  readonly #batches: BatchPump | undefined;

  constructor(options: OneMemberOptions) {
    const { id, shareId, reached, context } = options;
    this.#options = options;
    this.id = id;
    this.shareId = shareId;
    this.listener = reached.kind === 'messages' ? reached.listener : undefined;
    this.#messages = reached.kind === 'messages' ? this.#messagePump(reached) : undefined;
    this.#batches = this.#messages === undefined ? this.#batchPump(reached) : undefined;
    this.pump = this.#messages ?? this.#batches ?? this.#batchPump(reached);
    this.moves = new MoveQueue({
      member: id,
      context,
      target: this.#moveTarget(reached),
      done: (move) => {
        move.done = true;
        options.dealtWith(move.offset);
      },
      takenOver: options.moveTakenOver,
    });
  }

  /** A listener that is there. */
  get connected(): boolean {
    return this.listener?.listener !== undefined;
  }

  /** Puts down how far it is. */
  save(): void {
    const share = this.#share();
    if (share === undefined) return;
    share.cursor = { ...this.pump.cursor };
    share.done = this.#messages?.doneBeyond() ?? [];
    this.#messages?.saving();
  }

  /** What was put down last is saved. */
  saved(): void {
    this.#messages?.saved();
  }

  kick(): void {
    this.pump.kick();
    this.moves.kick();
  }

  /** Nothing is in flight any more when it resolves, and how far it got is put down. */
  async stop(): Promise<void> {
    const stopped = Promise.all([this.pump.stop(), this.moves.stop()]);
    this.listener?.drop();
    await stopped;
    this.save();
    const share = this.#share();
    const { reached } = this.#options;
    if (share === undefined) return;
    if (reached.kind === 'messages' && reached.doubt !== undefined) share.doubt = this.#doubtLeft(share);
    // What was sent and not confirmed may be there, or may yet come to be: also what a pump before this one has sent.
    if (this.#batches !== undefined && this.#batches.reached > this.#batches.cursor.offset)
      share.doubt = { offsets: [], count: Number.MAX_SAFE_INTEGER, below: this.#batches.reached };
  }

  /** With what was in doubt before this pump began, and has not had its turn since. */
  #doubtLeft({ cursor, done, doubt }: Share): Doubt | undefined {
    const left = this.#messages?.doubtLeft();
    if (left === undefined || doubt === undefined) return left;
    const earlier = doubt.offsets.filter((offset) => offset >= cursor.offset && !done.includes(offset));
    return { ...left, offsets: [...new Set([...earlier, ...left.offsets])] };
  }

  #share(): Share | undefined {
    return this.#options.one.shares[this.shareId];
  }

  #messagePump({ target, doubt }: Extract<MemberTarget, { kind: 'messages' }>): MessagePump {
    const { one, shareId, context, maxSpan, takenOver, dealtWith } = this.#options;
    const share = this.#share();
    const moved = one.moves.filter((move) => move.share === shareId).map(({ offset }) => offset);
    return new MessagePump({
      context,
      target,
      start: share?.cursor ?? { offset: 0, sequenceNumber: 0 },
      done: [...(share?.done ?? []), ...moved],
      maxSpan,
      ...(doubt === undefined ? {} : { doubt }),
      takenOver,
      finished: ({ offset }) => dealtWith(offset),
    });
  }

  #batchPump(reached: MemberTarget): BatchPump {
    const { id, shareId, context } = this.#options;
    const target = reached.kind === 'batches' ? reached.target : nowhere;
    const start = this.#share()?.cursor ?? { offset: 0, sequenceNumber: 0 };
    return new BatchPump({ context, target, producerId: derivedUuid(id, 'share', shareId), start });
  }

  #moveTarget(reached: MemberTarget): MoveTarget {
    const { id, one } = this.#options;
    if (reached.kind === 'batches') {
      const deliver = (message: ReadMessage, move: Move) => this.#appendMove(reached.target, message, move);
      const isNext = ({ place }: Move): boolean =>
        !one.moves.some((move) => move.to === id && !move.done && move.place < place);
      return { concurrency: 1, ordered: true, maxAttempts: () => undefined, isNext, deliver };
    }
    const { target } = reached;
    return {
      concurrency: target.concurrency,
      ordered: false,
      isNext: () => true,
      maxAttempts: () => target.maxAttempts(),
      deliver: (message, move) => target.deliver(message, move.attempts + 1),
    };
  }

  /** Under an identity for moves alone, numbered by their places: sent again by the next leader it is recognised. */
  async #appendMove(target: BatchTarget, message: ReadMessage, move: Move): Promise<DeliveryResult> {
    const { id, one, renumber } = this.#options;
    const epoch = one.members[id]?.moves.epoch ?? 0;
    const producer = { id: derivedUuid(id, 'moves'), epoch, sequence: move.place };
    try {
      const answer = await target.append(encodeBatch({ messages: [message], producer }));
      return answer === 'gone' ? { outcome: 'retry', reason: 'the name is gone' } : { outcome: 'delivered' };
    } catch (error) {
      if (isLogError(error, 'producer_sequence_too_old')) return { outcome: 'delivered' };
      if (isLogError(error, 'producer_gap', 'producer_fenced'))
        await renumber(error.details.producerEpoch ?? 0);
      const afterMs = isLogError(error) ? error.details.retryAfterMs : undefined;
      return { outcome: 'retry', reason: messageOf(error), afterMs };
    }
  }
}

const nowhere: BatchTarget = { append: async () => 'gone' };
