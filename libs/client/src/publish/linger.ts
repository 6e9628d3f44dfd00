import type { Runtime, Timer } from '@message-vault/runtime';

/** How long the next batch waits for company. With a delay of 0 it never does. */
export class Linger {
  readonly #runtime: Runtime;
  readonly #delayMs: number;
  readonly #onOver: () => void;
  #timer: Timer | undefined;
  #over = false;

  constructor(runtime: Runtime, delayMs: number, onOver: () => void) {
    this.#runtime = runtime;
    this.#delayMs = delayMs;
    this.#onOver = onOver;
  }

  get enabled(): boolean {
    return this.#delayMs > 0;
  }

  /** The waiting is over: what is there goes, however little. */
  get over(): boolean {
    return this.#over;
  }

  /** There is a message waiting. */
  begin(): void {
    if (!this.enabled || this.#over) return;
    this.#timer ??= this.#runtime.setTimer(this.#delayMs, () => {
      this.end();
      this.#onOver();
    });
  }

  end(): void {
    this.#over = true;
    this.#stop();
  }

  /** What had waited is gone. */
  reset(): void {
    this.#over = false;
    this.#stop();
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
