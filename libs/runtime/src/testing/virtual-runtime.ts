import { type Due, DueHeap } from '../due-heap.ts';
import type { Runtime, Timer } from '../runtime.ts';
import { SeededRandom } from './random.ts';

interface Entry extends Due {
  fire: () => void;
  cancelled: boolean;
}

/**
 * Virtual time and seeded randomness. Nothing happens by itself: `run` and `advance` fire the timers in order of time
 * (equal times in the order they were set), letting every promise settle in between, so what runs on it is the same
 * for a seed, bit for bit, as long as nothing else (files, sockets, threads) is awaited.
 */
export class VirtualRuntime implements Runtime {
  readonly rng: SeededRandom;
  /** Added to the wall clock only: jumps of it are made by setting this. Milliseconds. */
  wallOffsetMs = 0;
  #timeMs = 0;
  #order = 0;
  readonly #startAt: number;
  readonly #heap = new DueHeap<Entry>();

  constructor(options: { seed?: number; startAt?: number } = {}) {
    this.rng = new SeededRandom(options.seed ?? 1);
    this.#startAt = options.startAt ?? Date.UTC(2026, 0, 1);
  }

  now(): number {
    return Math.floor(this.#startAt + this.#timeMs + this.wallOffsetMs);
  }

  monotonic(): number {
    return this.#timeMs;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const entry: Entry = {
      at: this.#timeMs + Math.max(0, delayMs),
      order: this.#order++,
      fire,
      cancelled: false,
    };
    this.#heap.push(entry);
    return {
      cancel: () => {
        entry.cancelled = true;
        // It stays in the heap until it would have been due; what it would have done need not.
        entry.fire = nothing;
      },
    };
  }

  random(): number {
    return this.rng.next();
  }

  randomBytes(count: number): Uint8Array {
    return this.rng.bytes(count);
  }

  /** Runs until `promise` settles and answers as it does. Throws when nothing is left to happen, or after `maxMs`. */
  async run<Value>(promise: Promise<Value>, maxMs = 3_600_000): Promise<Value> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    promise.then(done, done);
    const deadline = this.#timeMs + maxMs;
    for (;;) {
      await settleMicrotasks();
      if (settled) return promise;
      if (!this.#fireNext(deadline)) {
        const why = this.#heap.size === 0 ? 'nothing is scheduled any more' : `${maxMs} ms have passed`;
        throw new Error(
          `virtual time stopped at ${this.#timeMs} ms: ${why} and the promise is still pending`,
        );
      }
    }
  }

  /** Lets `durationMs` pass and everything due in it happen. */
  async advance(durationMs: number): Promise<void> {
    const until = this.#timeMs + durationMs;
    do {
      await settleMicrotasks();
    } while (this.#fireNext(until));
    this.#timeMs = until;
    await settleMicrotasks();
  }

  /** Fires the earliest timer due by `until`. False when there is none. */
  #fireNext(until: number): boolean {
    for (;;) {
      const next = this.#heap.first();
      if (next === undefined || (!next.cancelled && next.at > until)) return false;
      this.#heap.pop();
      if (next.cancelled) continue;
      this.#timeMs = Math.max(this.#timeMs, next.at);
      next.fire();
      return true;
    }
  }
}

/** All promise reactions that can run now have run when this resolves. */
function nothing(): void {}

function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
