import { type CommitHeader, PAGE_BYTES } from '@message-vault/framing';
import type { Runtime } from '@message-vault/runtime';
import {
  type CallOptions,
  type ETag,
  isStorageError,
  type PageStore,
  type RangeRead,
} from '@message-vault/storage';
import { LogError } from '../errors.ts';
import { byteInSegment, type StreamRef, segmentPages, segmentRef } from '../stream.ts';
import { isUnwritten } from '../unwritten.ts';
import { type Calls, timedRead } from '../writer/calls.ts';
import { findLastCommit } from '../writer/last-commit.ts';
import { TailWindow } from '../writer/tail-window.ts';

/** `absent`: there is no such segment (yet, or any more). */
const ABSENT = { status: 'absent' } as const;
export type PageRead = RangeRead | typeof ABSENT;

export interface PageSourceOptions {
  readonly pages: PageStore;
  readonly runtime: Runtime;
  readonly stream: StreamRef;
  readonly readTimeoutMs: number;
  /** Aborted when the reader is closed. */
  readonly closing: AbortSignal;
}

/**
 * The pages of one stream in storage, in absolute pages. Segments are given by their first page.
 * Errors: LogError `storage_unavailable` and `closed`; a StorageError where trying again would not help.
 */
export class PageSource {
  readonly stream: StreamRef;
  readonly #calls: Calls;
  readonly #closing: AbortSignal;

  constructor({ pages, runtime, stream, readTimeoutMs, closing }: PageSourceOptions) {
    this.stream = stream;
    this.#closing = closing;
    this.#calls = { pages, runtime, timeoutMs: readTimeoutMs, stop: closing };
  }

  /** Up to `byteLength` bytes from the start of `page`; fewer where the segment's blob ends. */
  async read(segment: number, page: number, byteLength: number, ifNoneMatch?: ETag): Promise<PageRead> {
    const range = { offset: byteInSegment(segment, page), length: byteLength };
    const ref = segmentRef(this.stream, segment);
    const read = await this.#call(({ signal }) =>
      this.#calls.pages.readRange(ref, range, { signal, ifNoneMatch }),
    );
    return read ?? ABSENT;
  }

  /** How many of the `pages` pages from `page` on are written, counted up to the first that is not. */
  async writtenFrom(segment: number, page: number, pages: number): Promise<number> {
    const range = { offset: byteInSegment(segment, page), length: pages * PAGE_BYTES };
    const ref = segmentRef(this.stream, segment);
    const ranges = await this.#call((options) => this.#calls.pages.writtenRanges(ref, range, options));
    let end = range.offset;
    for (const { offset, length } of ranges ?? []) {
      if (offset > end) break;
      end = Math.max(end, offset + length);
    }
    return Math.floor((end - range.offset) / PAGE_BYTES);
  }

  /** How many pages the segment's sparse blob could hold; none when there is no such segment. */
  async capacity(segment: number): Promise<number> {
    const ref = segmentRef(this.stream, segment);
    const properties = await this.#call((options) => this.#calls.pages.segmentProperties(ref, options));
    return (properties?.sizeBytes ?? 0) / PAGE_BYTES;
  }

  /** Whether the segment holds anything, nothing at all, or is not there. */
  async contents(segment: number): Promise<'something' | 'nothing' | 'absent'> {
    const ref = segmentRef(this.stream, segment);
    const nothing = await this.#call((options) => isUnwritten(this.#calls.pages, ref, options));
    if (nothing === undefined) return 'absent';
    return nothing ? 'nothing' : 'something';
  }

  /** First pages of all segments, ascending; none when the container is not there. */
  async list(): Promise<number[]> {
    return segmentPages(
      (await this.#call((options) => this.#calls.pages.listSegments(this.stream.container, options))) ?? [],
    );
  }

  /**
   * The last commit that ends at or before `endPage`, by the very test recovery uses: nothing that was read is ever
   * un-read. Undefined when none can be believed.
   */
  async lastCommit(segment: number, endPage: number): Promise<CommitHeader | undefined> {
    const { streamId } = this.stream;
    const place = { ref: segmentRef(this.stream, segment), streamId, firstPage: segment, endPage };
    const found = await this.#guard(async () => await findLastCommit(new TailWindow(this.#calls, place)));
    return found?.last;
  }

  async #call<Answer>(run: (options: CallOptions) => Promise<Answer>): Promise<Answer | undefined> {
    return await this.#guard(async () => await timedRead(this.#calls, run));
  }

  /** Undefined for what is not there. */
  async #guard<Answer>(run: () => Promise<Answer>): Promise<Answer | undefined> {
    this.#requireOpen();
    try {
      return await run();
    } catch (error) {
      this.#requireOpen();
      if (isStorageError(error, 'not_found')) return undefined;
      if (isStorageError(error, 'unavailable', 'throttled')) {
        const why = `stream ${this.stream.name} cannot be read: ${error.message}`;
        throw new LogError('storage_unavailable', why, { retryAfterMs: error.retryAfterMs ?? 1000 }, error);
      }
      throw error;
    }
  }

  #requireOpen(): void {
    if (this.#closing.aborted)
      throw new LogError('closed', `the reader of stream ${this.stream.name} is closed`);
  }
}
