import { type Due, DueHeap, type Runtime, type Timer } from '@message-vault/runtime';

interface Alarm extends Due {
  readonly fire: () => void;
  /** Replaced or taken back. */
  off: boolean;
}

/**
 * Any number of things to be done later, on one timer. Each is set under a key; setting it again moves it.
 */
export class Alarms {
  readonly #runtime: Runtime;
  readonly #heap = new DueHeap<Alarm>();
  readonly #byKey = new Map<unknown, Alarm>();
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #order = 0;
  #stopped = false;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** With those taken back that are not forgotten yet. */
  get held(): number {
    return this.#heap.size;
  }

  /** Calls `fire` in `delayMs` milliseconds; what was set under `key` before is forgotten. */
  set(key: unknown, delayMs: number, fire: () => void): void {
    if (this.#stopped) return;
    this.clear(key);
    const alarm = {
      at: this.#runtime.monotonic() + Math.max(0, delayMs),
      order: this.#order++,
      fire: () => {
        this.#byKey.delete(key);
        fire();
      },
      off: false,
    };
    this.#byKey.set(key, alarm);
    this.#heap.push(alarm);
    this.#wind();
  }

  /** As `set`, unless something is set under `key` that is due no later. */
  setSooner(key: unknown, delayMs: number, fire: () => void): void {
    const known = this.#byKey.get(key);
    if (known !== undefined && known.at <= this.#runtime.monotonic() + delayMs) return;
    this.set(key, delayMs, fire);
  }

  clear(key: unknown): void {
    const alarm = this.#byKey.get(key);
    if (alarm === undefined) return;
    alarm.off = true;
    this.#byKey.delete(key);
    // What is taken back long before its time must not pile up until then.
    if (this.#heap.size > 2 * this.#byKey.size + MOST_OFF) this.#heap.retain(({ off }) => !off);
  }

  /** Nothing fires any more, and nothing can be set. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#heap.clear();
    this.#byKey.clear();
  }

  #wind(): void {
    while (this.#heap.first()?.off) this.#heap.pop();
    const at = this.#heap.first()?.at ?? Number.POSITIVE_INFINITY;
    if (at === this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    // What was due before is due now.
    const inMs = Math.min(MAX_TIMER_MS, Math.max(0, at - this.#runtime.monotonic()));
    this.#timer =
      at === Number.POSITIVE_INFINITY ? undefined : this.#runtime.setTimer(inMs, () => this.#ring());
  }

  #ring(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#runtime.monotonic();
    const heap = this.#heap;
    for (let next = heap.first(); next !== undefined && (next.off || next.at <= now); next = heap.first()) {
      heap.pop();
      if (!next.off) next.fire();
    }
    if (!this.#stopped) this.#wind();
  }
}

/** Alarms that were taken back, beside as many as there are: so seldom is it tidied up. */
const MOST_OFF = 1024;
/** The longest a timer of Node can be set for; beyond it fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
