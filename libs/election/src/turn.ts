import type { Runtime } from '@message-vault/runtime';
import type { ElectionSettings } from './settings.ts';

/** Whose turn it is to contend, as far as one node can know: it stays back after it lost, in ever longer waits. */
export class Turn {
  readonly #runtime: Runtime;
  readonly #settings: ElectionSettings;
  #notBefore: number;
  #failures = 0;
  #shortTerms = 0;

  constructor(options: { runtime: Runtime; settings: ElectionSettings; wantsToLead: boolean }) {
    this.#runtime = options.runtime;
    this.#settings = options.settings;
    this.#notBefore =
      options.runtime.monotonic() + (options.wantsToLead ? 0 : options.settings.coldStartDelayMs);
  }

  get isMine(): boolean {
    return this.inMs === Number.POSITIVE_INFINITY;
  }

  /** How long to wait; Infinity when it is this node's turn already. */
  get inMs(): number {
    const leftMs = this.#notBefore - this.#runtime.monotonic();
    return leftMs > 0 ? leftMs : Number.POSITIVE_INFINITY;
  }

  /** Somebody who knows asked this node to lead. */
  now(): void {
    this.#notBefore = this.#runtime.monotonic();
  }

  won(): void {
    this.#failures = 0;
  }

  /** Another node was first. */
  lost(): void {
    this.#stayBack(this.#settings.loserBackoffMs);
  }

  /** The storage did not do what was asked. */
  failed(): void {
    this.#stayBack(this.#doubled(this.#settings.suspectLookEveryMs, this.#failures++));
  }

  /** This node led, for `termMs`. A leader that fails again and again leaves the others more and more time. */
  deposed(termMs: number): void {
    this.#shortTerms = termMs < this.#settings.shortTermMs ? this.#shortTerms + 1 : 0;
    this.#stayBack(this.#doubled(this.#settings.deposedBackoffMs, Math.max(0, this.#shortTerms - 1)));
  }

  #doubled(baseMs: number, times: number): number {
    return Math.min(baseMs * 2 ** Math.min(times, 20), this.#settings.maxBackoffMs);
  }

  #stayBack(leastMs: number): void {
    this.#notBefore = this.#runtime.monotonic() + leastMs * (1 + this.#runtime.random());
  }
}
