import type { TargetUrl } from './target-url.ts';

/** What is remembered of one target while it is in use: how it stands and how fast it may be pushed to. */
export class Lane {
  readonly url: TargetUrl;
  /** Whether the latest push was answered. Not so in the beginning: a target earns its concurrency. */
  answers = false;
  /** Pushes under way. */
  active = 0;
  /** Those that wait for a place, the first to be let in first. */
  readonly waiting = new Set<() => void>();
  /** Pushes that are somewhere between coming in and going out: such a lane is not forgotten. */
  users = 0;
  /** Monotonic time before which nothing is sent (Retry-After). */
  #closedUntil = 0;
  /** Monotonic time at which the next push is due if they come evenly, at the allowed rate. */
  #nextDue = 0;

  constructor(url: TargetUrl) {
    this.url = url;
  }

  /** The target has asked for peace until `time` (monotonic). */
  closeUntil(time: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, time);
  }

  /** How long a push that comes at `now` (monotonic) has to wait for its turn, in milliseconds. */
  waitMs(now: number, ratePerMinute: number | undefined): number {
    const turn = ratePerMinute === undefined ? now : this.#nextDue - burstMs(ratePerMinute);
    return Math.max(0, this.#closedUntil - now, turn - now);
  }

  /** Takes the turn that `waitMs` has told of. */
  takeTurn(now: number, ratePerMinute: number | undefined): void {
    if (ratePerMinute !== undefined) this.#nextDue = Math.max(now, this.#nextDue) + 60_000 / ratePerMinute;
  }
}

/** Pushes may come this much before they are due: a second's worth, so that they need not come evenly. */
function burstMs(ratePerMinute: number): number {
  return Math.max(0, 1000 - 60_000 / ratePerMinute);
}
