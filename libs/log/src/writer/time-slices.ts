import { type Runtime, sleep } from '@message-vault/runtime';

/** How long others on this thread may have to wait for a long computation, in milliseconds. */
const SLICE_MS = 4;

/** Divides a long computation, so that everything else on this thread gets its turn in between. */
export class TimeSlices {
  readonly #runtime: Runtime;
  #endsAt: number;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#endsAt = runtime.monotonic() + SLICE_MS;
  }

  /** To be awaited at every step. Lets others run when the slice is used up, by a timer: awaiting alone would not. */
  async step(): Promise<void> {
    if (this.#runtime.monotonic() < this.#endsAt) return;
    await sleep(this.#runtime, 0);
    this.#endsAt = this.#runtime.monotonic() + SLICE_MS;
  }
}
