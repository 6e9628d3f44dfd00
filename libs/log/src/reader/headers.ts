import { type CommitHeader, PAGE_BYTES, readTrailer } from '@message-vault/framing';
import { damagedAt } from '../errors.ts';
import type { CacheEntry, ChunkCache } from './chunk-cache.ts';
import type { PageSource } from './page-source.ts';
import type { RunIndex } from './runs.ts';
import type { SegmentIndex, SegmentSpan } from './segment-index.ts';
import { headerWithin } from './walk.ts';

/**
 * A small read takes in the pages before the header too: in a stream of small commits the next few steps back are
 * then already there.
 */
const WINDOW_PAGES = 8;
/** What a header's objects take in memory. Estimated from heap snapshots, rounded up. */
const HEADER_MEMORY_BYTES = 1024;

interface Window {
  readonly firstPage: number;
  readonly bytes: Uint8Array;
}

/** Single commit headers, by small reads: what seeking needs. Headers once seen are kept in the shared cache. */
export class HeaderSource {
  readonly #streamId: string;
  readonly #source: PageSource;
  readonly #segments: SegmentIndex;
  readonly #runs: RunIndex;
  readonly #cache: ChunkCache;
  readonly #kept = new Map<number, CacheEntry & { readonly header: CommitHeader }>();

  constructor(options: {
    streamId: string;
    source: PageSource;
    segments: SegmentIndex;
    runs: RunIndex;
    cache: ChunkCache;
  }) {
    this.#streamId = options.streamId;
    this.#source = options.source;
    this.#segments = options.segments;
    this.#runs = options.runs;
    this.#cache = options.cache;
  }

  /** The header at `page` if it is in memory: then `page` is known to be the start of a commit. */
  known(page: number): CommitHeader | undefined {
    const run = this.#runs.find(page);
    const index = run?.indexOf(page);
    if (run !== undefined && index !== undefined) return run.at(index)?.header;
    const kept = this.#kept.get(page);
    if (kept !== undefined) this.#cache.touch(kept);
    return kept?.header;
  }

  /** Reads headers for one search; see HeaderSearch. */
  search(): HeaderSearch {
    return new HeaderSearch((page, window) => this.#read(page, window));
  }

  /** The header of the last commit of a segment that has a next one; undefined when the segment is gone. */
  async lastOf(segment: SegmentSpan): Promise<CommitHeader | undefined> {
    if (segment.next === undefined || segment.next === segment.first) return undefined;
    const window = await this.#window(segment, segment.next - 1);
    if (window === undefined) return undefined;
    const trailer = readTrailer(window.bytes, window.bytes.byteLength);
    const start = segment.next - (trailer?.byteLength ?? 0) / PAGE_BYTES;
    if (trailer === undefined || start < segment.first) {
      if (await this.#segments.isGone(segment.first)) return undefined;
      throw damagedAt(segment.next - 1, 'no trailer ends the segment');
    }
    const header = (await this.#read(start, window)).header;
    if (header !== undefined && start + header.pages !== segment.next) {
      throw damagedAt(start, 'the last commit does not end where its segment does');
    }
    return header;
  }

  clear(): void {
    for (const entry of this.#kept.values()) this.#cache.remove(entry);
    this.#kept.clear();
  }

  async #read(
    page: number,
    near: Window | undefined,
  ): Promise<{ header: CommitHeader | undefined; window: Window | undefined }> {
    const known = this.known(page);
    if (known !== undefined) return { header: known, window: near };
    const segment = this.#segments.containing(page);
    if (segment === undefined) return { header: undefined, window: near };
    const window = near !== undefined && covers(near, page) ? near : await this.#window(segment, page);
    if (window === undefined) return { header: undefined, window: undefined };
    const header = headerWithin({ ...window, streamId: this.#streamId }, page);
    if (header === undefined) {
      if (await this.#segments.isGone(page)) return { header: undefined, window: undefined };
      throw damagedAt(page, 'a commit that others lead to has no good header');
    }
    this.#keep(page, header);
    return { header, window };
  }

  /** The pages up to and including `page`; undefined when retention has taken them. */
  async #window(segment: SegmentSpan, page: number): Promise<Window | undefined> {
    const firstPage = Math.max(segment.first, page + 1 - WINDOW_PAGES);
    const read = await this.#source.read(segment.first, firstPage, (page + 1 - firstPage) * PAGE_BYTES);
    if (read.status === 'read') return { firstPage, bytes: read.bytes };
    if (await this.#segments.isGone(page)) return undefined;
    throw damagedAt(page, 'a segment between others is missing');
  }

  #keep(page: number, header: CommitHeader): void {
    if (this.#kept.has(page)) return;
    const entry = { header, bytes: HEADER_MEMORY_BYTES, evict: () => void this.#kept.delete(page) };
    this.#kept.set(page, entry);
    this.#cache.put(entry);
  }
}

type ReadHeader = (
  page: number,
  near: Window | undefined,
) => Promise<{ header: CommitHeader | undefined; window: Window | undefined }>;

/** Reads headers one after the other, looking first into what it read last. */
export class HeaderSearch {
  readonly #read: ReadHeader;
  #window: Window | undefined;

  constructor(read: ReadHeader) {
    this.#read = read;
  }

  /**
   * The header of the commit that is known to start at `page`; undefined when retention has taken it.
   * Throws LogError `damaged`.
   */
  async at(page: number): Promise<CommitHeader | undefined> {
    const { header, window } = await this.#read(page, this.#window);
    this.#window = window;
    return header;
  }
}

function covers(window: Window, page: number): boolean {
  return page >= window.firstPage && page < window.firstPage + window.bytes.byteLength / PAGE_BYTES;
}
