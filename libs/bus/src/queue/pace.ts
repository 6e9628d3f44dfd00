import type { Runtime } from '@message-vault/runtime';

/**
 * When to look into a queue again: at once after a hint, otherwise after a pause that grows while nothing is found. How
 * long it has grown outlasts a time without waiters, so that consumers who ask again and again don't begin anew each time.
 */
export class Pace {
  readonly #runtime: Runtime;
  readonly #fromMs: number;
  readonly #upToMs: number;
  #pauseMs: number;
  #hinted = false;
  #nextLookAt = 0;
  #wake: (() => void) | undefined;
  /** Hints don't hurry a storage that fails. */
  #deaf = false;

  constructor(runtime: Runtime, { fromMs, upToMs }: { fromMs: number; upToMs: number }) {
    this.#runtime = runtime;
    this.#fromMs = fromMs;
    this.#upToMs = Math.max(fromMs, upToMs);
    this.#pauseMs = fromMs;
  }

  /** What is heard of before a look begins is seen by it. */
  lookBegins(): void {
    this.#hinted = false;
  }

  /** Something may have come: no pause now, nor before the next look. */
  hint(): void {
    this.#hinted = true;
    if (this.#deaf) return;
    this.#pauseMs = this.#fromMs;
    this.#wake?.();
  }

  /** Somebody waits who can't wait for the end of the pause: the look is to come before `deadline`. */
  hurry(deadline: number): void {
    if (deadline < this.#nextLookAt) this.#wake?.();
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#wake?.();
  }

  /** After a look that brought less than was asked for. */
  async pause(look: 'some' | 'none' | 'failed'): Promise<void> {
    this.#deaf = look === 'failed';
    if (this.#hinted && !this.#deaf) return;
    if (look === 'some') this.#pauseMs = this.#fromMs;
    // Waiters of many nodes are not to look all at once.
    const pauseMs = this.#pauseMs * (0.75 + 0.5 * this.#runtime.random());
    this.#pauseMs = Math.min(this.#upToMs, this.#pauseMs * 2);
    this.#nextLookAt = this.#runtime.monotonic() + pauseMs;
    await new Promise<void>((resolve) => {
      const timer = this.#runtime.setTimer(pauseMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#wake = undefined;
    this.#deaf = false;
  }
}
