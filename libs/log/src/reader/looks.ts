import type { StreamEnd } from './stream-end.ts';

/** Looks in a row for one question; a stream that grows faster than it is read must not keep it open for ever. */
const MAX_LOOKS = 64;

/**
 * Looks at the tail, one at a time, for everybody who asks: whoever asks while a look is under way shares the next
 * one, because what was stored before they asked must be seen by them. A thousand askers cost two looks.
 */
export class Looks {
  readonly #end: StreamEnd;
  #running: Promise<boolean> | undefined;
  #next: Promise<boolean> | undefined;

  constructor(end: StreamEnd) {
    this.#end = end;
  }

  get isLooking(): boolean {
    return this.#running !== undefined;
  }

  /** A look that begins after this call. True when it reached the end of what is stored. */
  once(): Promise<boolean> {
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#begin();
    const settled = this.#running.then(nothing, nothing);
    this.#next = settled.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  /** Looks until everything that was stored at the time of the call has been seen. */
  async toEnd(): Promise<void> {
    for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
      if (await this.once()) return;
      this.#end.skipAhead();
    }
  }

  #begin(): Promise<boolean> {
    this.#running = this.#end.look().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }
}

function nothing(): void {}
