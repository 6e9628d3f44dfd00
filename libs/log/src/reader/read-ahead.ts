import { Buffer } from 'node:buffer';
import { PAGE_BYTES } from '@message-vault/framing';
import type { CacheEntry, ChunkCache } from './chunk-cache.ts';
import type { PageSource } from './page-source.ts';
import type { Walk } from './walk.ts';

/** Pieces held for replays of one stream that have not come for them yet. The oldest makes room. */
const MAX_PIECES = 32;

/** Bytes that are on the way, or here; undefined when they could not be read. */
export interface RawPiece {
  readonly page: number;
  readonly pages: number;
  readonly bytes: Promise<Uint8Array | undefined>;
  /** The piece after it, once that is on the way, too. */
  next: RawPiece | undefined;
}

/** The first part of a commit, in a buffer for all of it. */
export interface BegunCommit {
  readonly bytes: Uint8Array;
  readonly filled: number;
}

/** What a replay finds when it gets to where a piece read ahead begins. */
export interface AheadPiece {
  readonly begun: BegunCommit | undefined;
  readonly raw: RawPiece;
}

interface Kept extends CacheEntry {
  readonly piece: AheadPiece;
  bytes: number;
}

/**
 * The next pieces of each sequential replay, read while those before them are being served. Counted in the cache: on the
 * way as a running load, once here as an entry that goes when room is needed.
 */
export class ReadAhead {
  readonly #source: PageSource;
  readonly #cache: ChunkCache;
  /** By the page of the commit the piece goes on with. */
  readonly #kept = new Map<number, Kept>();

  constructor(options: { source: PageSource; cache: ChunkCache }) {
    this.#source = options.source;
    this.#cache = options.cache;
  }

  /** Starts reading; undefined when so much is on the way already that nothing should be read on suspicion. */
  start(segment: number, page: number, pages: number): RawPiece | undefined {
    const permit = this.#cache.tryPermit(pages * PAGE_BYTES);
    if (permit === undefined) return undefined;
    const bytes = this.#source
      .read(segment, page, pages * PAGE_BYTES)
      .then((read) =>
        read.status === 'read' && read.bytes.byteLength === pages * PAGE_BYTES ? read.bytes : undefined,
      )
      .catch(() => undefined)
      .finally(() => permit.release());
    return { page, pages, bytes, next: undefined };
  }

  /** Keeps `raw` for whoever goes on where `walk`, through the bytes right before it, has stopped. */
  keep(walk: Walk, walked: { bytes: Uint8Array; page: number }, raw: RawPiece): void {
    const { stop } = walk;
    if (stop.kind !== 'end' && stop.kind !== 'sealed' && stop.kind !== 'partial') return;
    let begun: BegunCommit | undefined;
    if (stop.kind === 'partial') {
      const rest = walked.bytes.subarray((walk.page - walked.page) * PAGE_BYTES);
      // Filled in full before anybody looks at it.
      begun = { bytes: Buffer.allocUnsafeSlow(stop.header.byteLength), filled: rest.byteLength };
      begun.bytes.set(rest);
    }
    this.#add(walk.page, { begun, raw });
  }

  /** The piece that goes on at `page`, if one was kept: it is the caller's now. */
  take(page: number): AheadPiece | undefined {
    const kept = this.#kept.get(page);
    if (kept !== undefined) this.#drop(page, kept);
    return kept?.piece;
  }

  clear(): void {
    for (const [page, kept] of this.#kept) this.#drop(page, kept);
  }

  #add(page: number, piece: AheadPiece): void {
    this.take(page);
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size >= MAX_PIECES && oldest !== undefined) this.take(oldest);
    const kept: Kept = {
      piece,
      ahead: true,
      bytes: piece.begun?.bytes.byteLength ?? 0,
      evict: () => void this.#kept.delete(page),
    };
    this.#kept.set(page, kept);
    this.#cache.put(kept);
    for (let raw: RawPiece | undefined = piece.raw; raw !== undefined; raw = raw.next) {
      void raw.bytes.then((bytes) => {
        // From here on it is no longer a load on its way.
        kept.bytes += bytes?.byteLength ?? 0;
        this.#cache.touch(kept);
      });
    }
  }

  #drop(page: number, kept: Kept): void {
    this.#kept.delete(page);
    this.#cache.remove(kept);
  }
}
