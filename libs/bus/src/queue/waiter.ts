import type { Runtime, Timer } from '@message-vault/runtime';

/** What a waiter gets: something, or nothing in its time. */
export type Outcome<T> = { readonly got: T } | { readonly failed: unknown } | 'nothing';

export interface WaiterOptions {
  readonly runtime: Runtime;
  readonly timeoutMs: number;
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal | undefined;
  /** Called when its time is over. */
  readonly late: () => void;
  /** Called when it has gone. */
  readonly left: () => void;
}

/** Messages that turned out to be for nobody, after which a waiter whose time is over gets nothing. */
const MAX_EXTRA_LOOKS = 32;

/** Somebody who waits for one message. Settles once. */
export class Waiter<T> {
  readonly outcome: Promise<Outcome<T>>;
  /** On the monotonic clock. */
  readonly deadline: number;
  readonly #settle: (outcome: Outcome<T>) => void;
  readonly #timer: Timer;
  readonly #signal: AbortSignal | undefined;
  readonly #left: () => void;
  #settled = false;
  /** Somebody has looked for it since it came: until then it may not be told that there is nothing. */
  looked = false;
  #extraLooks = 0;

  constructor({ runtime, timeoutMs, signal, late, left }: WaiterOptions) {
    const { promise, resolve } = Promise.withResolvers<Outcome<T>>();
    this.outcome = promise;
    this.#settle = resolve;
    this.#signal = signal;
    this.deadline = runtime.monotonic() + timeoutMs;
    this.#left = left;
    this.#timer = runtime.setTimer(timeoutMs, late);
    signal?.addEventListener('abort', left, { once: true });
  }

  /** Nobody is there any more to take what comes. */
  get gone(): boolean {
    return this.#signal?.aborted === true;
  }

  /** What was found for it was for nobody: it is looked for again, though not for ever. */
  lookAgain(): void {
    this.#extraLooks += 1;
    this.looked = this.#extraLooks > MAX_EXTRA_LOOKS;
  }

  /** False when it was settled before. */
  settle(outcome: Outcome<T>): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#timer.cancel();
    this.#signal?.removeEventListener('abort', this.#left);
    this.#settle(outcome);
    return true;
  }
}
