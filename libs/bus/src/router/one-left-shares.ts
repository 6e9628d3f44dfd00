import type { OneState, Share } from './cursors-document.ts';
import { currentShares, endOf, spanOf } from './one-plan.ts';
import type { StreamPlace } from './position.ts';

/** How far a share was looked through for those who are there. */
export interface LeftShare {
  readonly id: string;
  readonly share: Share;
  /** Offset it ends at. */
  readonly end: number;
  /** Offset to look on from. */
  from: number;
  /** A message before `from` waits for the share's member, and with it the cursor. */
  waits: boolean;
  /** Who was there: `currentShares`. */
  readonly by: readonly string[];
}

/**
 * Shares whose members have left, as far as there is something to hand on. What only a member wants who may come back
 * waits for it; what lies behind that goes on, and is put down as done, as far as there is room for that.
 */
export class LeftShares {
  readonly #one: OneState;
  readonly #isGone: (member: string) => boolean;
  /** Those in which something waits. */
  readonly #waiting = new WeakMap<Share, LeftShare>();

  constructor(options: { one: OneState; isGone: (member: string) => boolean }) {
    this.#one = options.one;
    this.#isGone = options.isGone;
  }

  next(): LeftShare | undefined {
    for (const [id, share] of Object.entries(this.#one.shares)) {
      const end = share.left ? endOf(this.#one, id) : undefined;
      if (end === undefined) continue;
      const left = this.#known(share) ?? this.#begin(id, share, end);
      if (left.from < end && !(left.waits && this.#isFull(left))) return left;
    }
    return undefined;
  }

  /** The next message waits for the member to come back. */
  wait(left: LeftShare): void {
    left.waits = true;
    this.#waiting.set(left.share, left);
  }

  /** Everything before `to` was seen to, or waits. */
  pass(left: LeftShare, to: { offset: number } | StreamPlace): void {
    left.from = to.offset;
    if (!left.waits) left.share.cursor = { ...left.share.cursor, ...to };
  }

  /** Once others have come, or the member is gone for good, what waits may be for somebody. */
  #known(share: Share): LeftShare | undefined {
    const left = this.#waiting.get(share);
    const isAsItWas = left?.by === currentShares(this.#one) && !this.#isGone(share.member);
    return isAsItWas ? left : undefined;
  }

  #begin(id: string, share: Share, end: number): LeftShare {
    return { id, share, end, from: share.cursor.offset, waits: false, by: currentShares(this.#one) };
  }

  #isFull({ id, share }: LeftShare): boolean {
    const moved = this.#one.moves.filter((move) => move.share === id).length;
    return share.done.length + moved >= 2 * spanOf(this.#one);
  }
}
