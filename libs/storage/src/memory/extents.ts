import type { ByteRange } from '../ports.ts';

interface Extent {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const end = (extent: Extent): number => extent.offset + extent.bytes.length;

/**
 * The written parts of a sparse blob: what was written, in order of offset, never overlapping.
 *
 * One extent per write, so a log that is only appended to costs its bytes and a small constant per write, whatever the
 * size of the blob; a write at the end is found and stored without touching the rest.
 */
export class Extents {
  readonly #extents: Extent[] = [];

  /** Stores a copy of `bytes`, over whatever was there. */
  write(offset: number, bytes: Uint8Array): void {
    const at = this.#cut({ offset, length: bytes.length });
    this.#extents.splice(at, 0, { offset, bytes: bytes.slice() });
  }

  /** Makes `range` unwritten. */
  clear(range: ByteRange): void {
    this.#cut(range);
  }

  /** A copy of `range`; zeros where nothing is written. */
  read(range: ByteRange): Uint8Array {
    const out = new Uint8Array(range.length);
    for (const part of this.#within(range)) out.set(part.bytes, part.offset - range.offset);
    return out;
  }

  /** The written parts of `range`, adjoining ones merged. */
  ranges(range: ByteRange): ByteRange[] {
    const merged: { offset: number; length: number }[] = [];
    for (const part of this.#within(range)) {
      const last = merged.at(-1);
      if (last !== undefined && last.offset + last.length === part.offset) last.length += part.bytes.length;
      else merged.push({ offset: part.offset, length: part.bytes.length });
    }
    return merged;
  }

  /** Index of the first extent that ends after `offset`. */
  #firstAfter(offset: number): number {
    let low = 0;
    let high = this.#extents.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const extent = this.#extents[middle];
      if (extent !== undefined && end(extent) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The parts of extents that lie in `range`, as views. */
  *#within(range: ByteRange): Generator<Extent> {
    const stop = range.offset + range.length;
    for (let i = this.#firstAfter(range.offset); i < this.#extents.length; i++) {
      const extent = this.#extents[i];
      if (extent === undefined || extent.offset >= stop) return;
      const from = Math.max(extent.offset, range.offset);
      const to = Math.min(end(extent), stop);
      yield { offset: from, bytes: extent.bytes.subarray(from - extent.offset, to - extent.offset) };
    }
  }

  /** Takes `range` out of the extents, keeping what overlaps on either side; answers the index it belongs at. */
  #cut(range: ByteRange): number {
    const stop = range.offset + range.length;
    const first = this.#firstAfter(range.offset);
    let after = first;
    const kept: Extent[] = [];
    let before = 0;
    for (; after < this.#extents.length; after++) {
      const extent = this.#extents[after];
      if (extent === undefined || extent.offset >= stop) break;
      if (extent.offset < range.offset) {
        kept.push({ offset: extent.offset, bytes: extent.bytes.slice(0, range.offset - extent.offset) });
        before = 1;
      }
      if (end(extent) > stop) kept.push({ offset: stop, bytes: extent.bytes.slice(stop - extent.offset) });
    }
    this.#extents.splice(first, after - first, ...kept);
    return first + before;
  }
}
