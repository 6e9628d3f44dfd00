import type { Runtime } from '@message-vault/runtime';

/**
 * What time it is by the storage's clock, at the least: the newest it has told, and what has passed since by a clock of this
 * node that nobody can put forward. What a node's own wall clock says may be wrong by any amount.
 */
export class StorageTime {
  readonly #runtime: Pick<Runtime, 'monotonic'>;
  #aheadMs = Number.NEGATIVE_INFINITY;

  constructor(runtime: Pick<Runtime, 'monotonic'>) {
    this.#runtime = runtime;
  }

  /** The storage has told a time that is over by now, milliseconds since 1970. */
  saw(time: number): void {
    this.#aheadMs = Math.max(this.#aheadMs, time - this.#runtime.monotonic());
  }

  /** Milliseconds since 1970; minus infinity before the storage has told any. */
  atLeast(): number {
    return this.#runtime.monotonic() + this.#aheadMs;
  }
}
