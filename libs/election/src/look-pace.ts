import type { Runtime } from '@message-vault/runtime';
import type { ElectionSettings } from './settings.ts';

/** `calm`: the leader answers well. `alert`: it does not. `slow`: nothing here depends on how soon. */
export type Mood = 'calm' | 'alert' | 'slow';

/** While a hand-over is announced, how often the lease is looked at. */
const EAGER_EVERY_MS = 25;
/** Alert, each look waits this much longer than the one before. */
const SLOWING = 1.5;

/** When a node that does not lead looks at the storage again: seldom, unless there is a reason. */
export class LookPace {
  readonly #runtime: Runtime;
  readonly #settings: ElectionSettings;
  #mood: Mood = 'alert';
  #everyMs: number;
  #dueAt = Number.NEGATIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #eagerUntil = Number.NEGATIVE_INFINITY;
  #failingSince: number | undefined;
  /** When the storage first answered again after it had failed. */
  #answeringSince = Number.NEGATIVE_INFINITY;

  constructor(options: { runtime: Runtime; settings: ElectionSettings }) {
    this.#runtime = options.runtime;
    this.#settings = options.settings;
    this.#everyMs = options.settings.suspectLookEveryMs;
  }

  get isDue(): boolean {
    return this.dueInMs <= 0;
  }

  /** Zero or less when a look is due. */
  get dueInMs(): number {
    return this.#dueAt - this.#runtime.monotonic();
  }

  get lastLookAnswered(): boolean {
    return this.#failingSince === undefined;
  }

  /** The storage has been answering for a while: long enough for a leader to find out, too, that it does again. */
  get isSteady(): boolean {
    const answeringForMs = this.#runtime.monotonic() - this.#answeringSince;
    return this.lastLookAnswered && answeringForMs >= this.#settings.storageSteadyMs;
  }

  /** True when the mood is another than before. */
  setMood(mood: Mood): boolean {
    if (mood === this.#mood) return false;
    this.#mood = mood;
    this.#everyMs = this.#settings.suspectLookEveryMs;
    if (mood === 'alert') this.hurry();
    else this.#dueAt = this.#lookedAt + this.#intervalMs();
    return true;
  }

  /** The next look is due now, and for `eagerForMs` one follows the other closely. */
  hurry(eagerForMs = 0): void {
    const now = this.#runtime.monotonic();
    this.#dueAt = now;
    this.#everyMs = this.#settings.suspectLookEveryMs;
    this.#eagerUntil = Math.max(this.#eagerUntil, now + eagerForMs);
  }

  /** What was being waited for has come. */
  calmDown(): void {
    this.#eagerUntil = Number.NEGATIVE_INFINITY;
  }

  /** As `hurry`, but not more often than when alert. */
  hurryGently(): void {
    this.#dueAt = Math.min(this.#dueAt, this.#lookedAt + this.#settings.suspectLookEveryMs);
  }

  answered(): void {
    if (this.#failingSince !== undefined) {
      this.#failingSince = undefined;
      this.#answeringSince = this.#runtime.monotonic();
      this.#everyMs = this.#settings.suspectLookEveryMs;
    }
    this.#scheduleNext();
  }

  /** True when the storage has now been failing for long enough to say so. */
  failed(): boolean {
    const now = this.#runtime.monotonic();
    this.#failingSince ??= now;
    this.#scheduleNext();
    return now - this.#failingSince >= this.#settings.storageSilenceMs;
  }

  #scheduleNext(): void {
    this.#lookedAt = this.#runtime.monotonic();
    this.#dueAt = this.#lookedAt + this.#intervalMs();
    if (this.#mood === 'alert') {
      this.#everyMs = Math.min(this.#everyMs * SLOWING, this.#settings.slowLookEveryMs);
    }
  }

  #intervalMs(): number {
    const { idleLookEveryMs, slowLookEveryMs } = this.#settings;
    if (this.#eagerUntil > this.#runtime.monotonic()) return EAGER_EVERY_MS;
    if (this.#mood === 'calm') return this.lastLookAnswered ? idleLookEveryMs : slowLookEveryMs;
    return this.#mood === 'slow' ? slowLookEveryMs : this.#everyMs;
  }
}
