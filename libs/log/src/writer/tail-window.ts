import { Buffer } from 'node:buffer';
import {
  type CommitHeader,
  decodeCommit,
  FramingError,
  MAX_COMMIT_BYTES,
  PAGE_BYTES,
  readTrailer,
} from '@message-vault/framing';
import type { SegmentRef } from '@message-vault/storage';
import { damagedAt } from '../errors.ts';
import { type Calls, timedRead } from './calls.ts';
import { TimeSlices } from './time-slices.ts';

export interface WindowPlace {
  readonly ref: SegmentRef;
  readonly streamId: string;
  /** First page of the segment, absolute. */
  readonly firstPage: number;
  /** Behind the last page looked at, absolute. */
  readonly endPage: number;
}

const FIRST_READ_BYTES = 256 * 1024;
/** Forged commits could make a scan check the same bytes over and over; a real tail never comes near this. */
const MAX_CHECKED_BYTES = 64 * MAX_COMMIT_BYTES;

/** The last bytes of a segment, read backwards as far as they are needed. Nothing changes them while it is used. */
export class TailWindow {
  readonly place: WindowPlace;
  readonly #calls: Calls;
  readonly #slices: TimeSlices;
  #bytes: Buffer = Buffer.alloc(0);
  #checkedBytes = 0;

  constructor(calls: Calls, place: WindowPlace) {
    this.#calls = calls;
    this.#slices = new TimeSlices(calls.runtime);
    this.place = place;
  }

  /**
   * The header of the commit whose last page is the one before the absolute `page`, all of it checked; undefined when none ends there.
   * "This commit exists" means the same here as to a reader: decodeCommit accepts it at this page of this stream.
   */
  async commitEndingAt(page: number): Promise<CommitHeader | undefined> {
    const { firstPage, streamId } = this.place;
    if (page <= firstPage) return undefined;
    await this.#slices.step();
    await this.#load(page - 1);
    const trailer = readTrailer(this.#bytes, this.#at(page));
    if (trailer === undefined) return undefined;
    const start = page - trailer.byteLength / PAGE_BYTES;
    if (start < firstPage) return undefined;
    await this.#load(start);
    this.#spend(trailer.byteLength, start);
    try {
      const { header } = decodeCommit(this.#bytes, this.#at(start), { page: start, streamId });
      return header.byteLength === trailer.byteLength ? header : undefined;
    } catch (error) {
      if (error instanceof FramingError) return undefined;
      throw error;
    }
  }

  /** What has been read from the absolute byte `startByte` on, if that is at least `length` bytes. */
  loaded(startByte: number, length: number): Uint8Array | undefined {
    const at = startByte - this.#fromPage * PAGE_BYTES;
    if (at < 0 || at + length > this.#bytes.length) return undefined;
    return this.#bytes.subarray(at);
  }

  get #fromPage(): number {
    return this.place.endPage - this.#bytes.length / PAGE_BYTES;
  }

  #at(page: number): number {
    return (page - this.#fromPage) * PAGE_BYTES;
  }

  #spend(byteLength: number, page: number): void {
    this.#checkedBytes += byteLength;
    if (this.#checkedBytes <= MAX_CHECKED_BYTES) return;
    throw damagedAt(page, 'the end of the log is full of what looks like commits');
  }

  /** Reads backwards until `page` is there. */
  async #load(page: number): Promise<void> {
    while (this.#fromPage > page) {
      const size = Math.min(MAX_COMMIT_BYTES, Math.max(FIRST_READ_BYTES, this.#bytes.length * 3));
      const from = Math.max(this.place.firstPage, this.#fromPage - size / PAGE_BYTES);
      const before = await this.#read(from, this.#fromPage);
      this.#bytes = Buffer.concat([before, this.#bytes]);
    }
  }

  async #read(fromPage: number, toPage: number): Promise<Uint8Array> {
    const range = {
      offset: (fromPage - this.place.firstPage) * PAGE_BYTES,
      length: (toPage - fromPage) * PAGE_BYTES,
    };
    const answer = await timedRead(this.#calls, (options) =>
      this.#calls.pages.readRange(this.place.ref, range, options),
    );
    if (answer.status === 'read' && answer.bytes.length === range.length) return answer.bytes;
    throw damagedAt(fromPage, 'a segment ends before its last commit');
  }
}
