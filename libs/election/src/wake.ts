import type { Runtime } from '@message-vault/runtime';

/** Lets one task wait until something happens, for a while at most. A wake before the wait is not lost. */
export class Wake {
  readonly #runtime: Runtime;
  #woken = false;
  #resolve: (() => void) | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  wake(): void {
    this.#woken = true;
    this.#resolve?.();
  }

  /** Zero milliseconds or less: what was waited for is late already, and others get their turn first. */
  async wait(atMostMs: number): Promise<void> {
    if (!this.#woken) {
      const waiting = Promise.withResolvers<void>();
      this.#resolve = waiting.resolve;
      const timer = this.#runtime.setTimer(Math.max(0, atMostMs), waiting.resolve);
      await waiting.promise;
      timer.cancel();
    }
    this.#resolve = undefined;
    this.#woken = false;
  }
}
