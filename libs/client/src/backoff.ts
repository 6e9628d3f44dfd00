import type { Runtime } from '@message-vault/runtime';

export interface BackoffSettings {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** Doubling delays with jitter: each is between half of its step and the whole of it, so that clients spread out. */
export class Backoff {
  readonly #runtime: Runtime;
  readonly #settings: BackoffSettings;
  #stepMs: number;

  constructor(runtime: Runtime, settings: BackoffSettings) {
    this.#runtime = runtime;
    this.#settings = settings;
    this.#stepMs = settings.initialMs;
  }

  nextDelayMs(): number {
    const step = this.#stepMs;
    this.#stepMs = Math.min(step * 2, this.#settings.maxMs);
    return step * (0.5 + 0.5 * this.#runtime.random());
  }

  reset(): void {
    this.#stepMs = this.#settings.initialMs;
  }
}
