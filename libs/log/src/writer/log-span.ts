import { PAGE_BYTES } from '@message-vault/framing';
import { invariant } from '@message-vault/runtime';
import { damagedAt } from '../errors.ts';
import { byteInSegment, type StreamRef, segmentRef } from '../stream.ts';
import { type Calls, timedRead } from './calls.ts';
import type { TailWindow } from './tail-window.ts';

export interface SpanPlace {
  readonly stream: StreamRef;
  /** First pages of the stream's segments, ascending. */
  readonly segments: readonly number[];
  /** Behind the last commit, absolute. */
  readonly endPage: number;
  /** What recovery has read already. */
  readonly tail: TailWindow | undefined;
}

/**
 * The stored stream as one run of bytes from page 0 on, whichever segment they are in. Reads ahead a little, so going
 * through it forwards costs few calls; one user at a time.
 */
export class LogSpan {
  readonly #calls: Calls;
  readonly #place: SpanPlace;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array();

  constructor(calls: Calls, place: SpanPlace) {
    this.#calls = calls;
    this.#place = place;
  }

  /** At least `length` bytes from the absolute byte `start` on; `aheadBytes` may be read with them. */
  async bytes(start: number, length: number, aheadBytes: number): Promise<Uint8Array> {
    const loaded = this.#place.tail?.loaded(start, length);
    if (loaded !== undefined) return loaded;
    if (start < this.#start || start + length > this.#start + this.#bytes.length) {
      this.#bytes = await this.#read(start, length, aheadBytes);
      this.#start = start;
    }
    return this.#bytes.subarray(start - this.#start);
  }

  async #read(start: number, length: number, aheadBytes: number): Promise<Uint8Array> {
    const page = Math.floor(start / PAGE_BYTES);
    const { firstPage, endPage } = this.#segmentOf(page);
    const room = endPage * PAGE_BYTES - start;
    if (room < length) throw damagedAt(page, 'a commit reaches past the end of its segment');
    const ref = segmentRef(this.#place.stream, firstPage);
    const offset = byteInSegment(firstPage, page) + (start % PAGE_BYTES);
    const range = { offset, length: Math.min(room, Math.max(length, aheadBytes)) };
    const answer = await timedRead(this.#calls, (options) =>
      this.#calls.pages.readRange(ref, range, options),
    );
    invariant(answer.status === 'read', 'a read without a condition is always answered with bytes');
    if (answer.bytes.length < length) throw damagedAt(page, 'a segment ends before its last commit');
    return answer.bytes;
  }

  #segmentOf(page: number): { firstPage: number; endPage: number } {
    const at = this.#place.segments.findLastIndex((firstPage) => firstPage <= page);
    const firstPage = this.#place.segments[at];
    if (firstPage === undefined)
      throw damagedAt(page, 'the segment with the newest producer checkpoint is gone');
    return {
      firstPage,
      endPage: Math.min(this.#place.endPage, this.#place.segments[at + 1] ?? this.#place.endPage),
    };
  }
}
