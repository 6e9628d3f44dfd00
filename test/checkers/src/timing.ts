import { float64 } from './columns.ts';
import type { HistoryEvent } from './events.ts';

export interface Distribution {
  count: number;
  min: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
  mean: number;
}

/** Percentiles by nearest rank: each is a value that occurred. Undefined for no values. */
export function distribution(values: Iterable<number>): Distribution | undefined {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return undefined;
  const rank = (share: number): number =>
    sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  const sum = sorted.reduce((total, value) => total + value, 0);
  return {
    count: sorted.length,
    min: rank(0),
    p50: rank(0.5),
    p90: rank(0.9),
    p99: rank(0.99),
    max: rank(1),
    mean: sum / sorted.length,
  };
}

/** How long nothing was acknowledged around a mark. Milliseconds. */
export interface WriteGap {
  mark: string;
  at: number;
  /** From the last acknowledgement up to the mark to the first one after it; undefined when there is none on a side. */
  acrossMs: number | undefined;
  /**
   * The longest silence between two acknowledgements from the mark until the next mark. An answer that was already on
   * its way when the fault struck makes `acrossMs` look short; this sees the gap behind it.
   */
  longestMs: number | undefined;
}

/** Queues take messages without a leader, and so without a gap: what they accept is left out. */
const isPlaced = (event: HistoryEvent): boolean =>
  event.kind === 'ack' || (event.kind === 'accepted' && event.sequenceNumber !== undefined);

/** Collects the times of acknowledgements and marks; the events may come in any order. */
export class WriteGaps {
  readonly #acks = float64(0);
  readonly #marks: { name: string; at: number }[] = [];
  #count = 0;

  add(event: HistoryEvent): void {
    if (isPlaced(event)) this.#acks.set(this.#count++, event.at);
    else if (event.kind === 'mark') this.#marks.push({ name: event.name, at: event.at });
  }

  /** One gap for every mark, in the order of time. */
  finish(): WriteGap[] {
    const acks = Float64Array.from({ length: this.#count }, (_, index) => this.#acks.get(index)).sort();
    const marks = this.#marks.toSorted((a, b) => a.at - b.at);
    return marks.map(({ name, at }, index) => {
      const until = marks[index + 1]?.at ?? Number.POSITIVE_INFINITY;
      return { mark: name, at, ...gapsAround(acks, at, until) };
    });
  }
}

function gapsAround(acks: Float64Array, at: number, until: number): Pick<WriteGap, 'acrossMs' | 'longestMs'> {
  const after = firstAfter(acks, at);
  const lastBefore = acks[after - 1];
  const firstThen = acks[after];
  if (lastBefore === undefined || firstThen === undefined)
    return { acrossMs: undefined, longestMs: undefined };
  let longestMs = firstThen - lastBefore;
  for (let index = after + 1; index < acks.length && (acks[index - 1] ?? until) < until; index++) {
    longestMs = Math.max(longestMs, (acks[index] ?? 0) - (acks[index - 1] ?? 0));
  }
  return { acrossMs: firstThen - lastBefore, longestMs };
}

/** Index of the first acknowledgement later than `at`. */
function firstAfter(acks: Float64Array, at: number): number {
  let low = 0;
  let high = acks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((acks[middle] ?? 0) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
