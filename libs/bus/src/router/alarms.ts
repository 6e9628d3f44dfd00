import type { Runtime, Timer } from '@message-vault/runtime';

interface Alarm {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
  /** Replaced or taken back. */
  off: boolean;
}

/**
 * Any number of things to be done later, on one timer. Each is set under a key; setting it again moves it.
 */
export class Alarms {
  readonly #runtime: Runtime;
  #heap: Alarm[] = [];
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
    return this.#heap.length;
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
    push(this.#heap, alarm);
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
    if (this.#heap.length > 2 * this.#byKey.size + MOST_OFF) this.#tidyUp();
  }

  /** Nothing fires any more, and nothing can be set. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#heap.length = 0;
    this.#byKey.clear();
  }

  /** What was taken back long before its time must not pile up until then. */
  #tidyUp(): void {
    const left: Alarm[] = [];
    for (const alarm of this.#heap) if (!alarm.off) push(left, alarm);
    this.#heap = left;
  }

  #wind(): void {
    while (this.#heap[0]?.off) pop(this.#heap);
    const at = this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
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
    for (let next = this.#heap[0]; next !== undefined && (next.off || next.at <= now); next = this.#heap[0]) {
      pop(this.#heap);
      if (!next.off) next.fire();
    }
    if (!this.#stopped) this.#wind();
  }
}

/** Alarms that were taken back, beside as many as there are: so seldom is it tidied up. */
const MOST_OFF = 1024;
/** The longest a timer of Node can be set for; beyond it fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function before(a: Alarm, b: Alarm): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Alarm[], alarm: Alarm): void {
  let index = heap.push(alarm) - 1;
  while (index > 0) {
    const parentIndex = (index - 1) >> 1;
    const parent = heap[parentIndex];
    if (parent === undefined || before(parent, alarm)) break;
    heap[index] = parent;
    index = parentIndex;
  }
  heap[index] = alarm;
}

function pop(heap: Alarm[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const left = heap[2 * index + 1];
    const right = heap[2 * index + 2];
    if (left === undefined) break;
    const useRight = right !== undefined && before(right, left);
    const child = useRight ? right : left;
    if (before(last, child)) break;
    heap[index] = child;
    index = useRight ? 2 * index + 2 : 2 * index + 1;
  }
  heap[index] = last;
}
