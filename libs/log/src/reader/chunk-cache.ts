import { invariant } from '@message-vault/runtime';

/** Something in the cache: how much memory it takes, and how its owner learns that it must let go of it. */
export interface CacheEntry {
  readonly bytes: number;
  /** Read ahead for a replay that has not come for it yet. */
  readonly ahead?: boolean;
  evict(): void;
}

/** Permission to have `bytes` of a storage read on the way. Given back exactly once. */
export interface LoadPermit {
  release(): void;
}

interface Waiting {
  readonly bytes: number;
  grant(permit: LoadPermit): void;
}

/**
 * The memory all readers of a process share: what they keep and what they have on the way from storage, together
 * never above `maxBytes` (but for one single read larger than that). Least recently used goes first.
 *
 * Only immutable things are put here: commits that were checked in full, headers of proven commits, read-ahead.
 * Owners count their own sizes, views that keep a buffer alive with the whole buffer.
 */
export class ChunkCache {
  readonly maxBytes: number;
  /** In order of last use; a Map remembers the order of insertion. */
  readonly #entries = new Map<CacheEntry, number>();
  readonly #waiting: Waiting[] = [];
  #keptBytes = 0;
  #loadingBytes = 0;
  #evictions = 0;
  #ahead = 0;

  constructor(options: { maxBytes: number }) {
    invariant(options.maxBytes > 0, `a cache needs room: ${options.maxBytes} bytes`);
    this.maxBytes = options.maxBytes;
  }

  /** For metrics: bytes kept and on the way, and how many entries have been dropped so far. */
  get stats(): { keptBytes: number; loadingBytes: number; entries: number; evictions: number } {
    return {
      keptBytes: this.#keptBytes,
      loadingBytes: this.#loadingBytes,
      entries: this.#entries.size,
      evictions: this.#evictions,
    };
  }

  /** Entries read ahead: about as many as there are replays. */
  get entriesAhead(): number {
    return this.#ahead;
  }

  /** Keeps `entry` until it is the least recently used and room is needed: at once, when there is no room at all. */
  put(entry: CacheEntry): void {
    this.#entries.set(entry, entry.bytes);
    this.#keptBytes += entry.bytes;
    if (entry.ahead === true) this.#ahead += 1;
    this.#makeRoom();
  }

  /** `entry` was used just now, and may have grown. */
  touch(entry: CacheEntry): void {
    const counted = this.#entries.get(entry);
    if (counted === undefined) return;
    this.#entries.delete(entry);
    this.#entries.set(entry, entry.bytes);
    this.#keptBytes += entry.bytes - counted;
    if (entry.bytes > counted) this.#makeRoom();
  }

  /** Its owner has let go of it. */
  remove(entry: CacheEntry): void {
    const counted = this.#entries.get(entry);
    if (counted !== undefined) this.#forget(entry, counted);
  }

  #forget(entry: CacheEntry, counted: number): void {
    this.#entries.delete(entry);
    this.#keptBytes -= counted;
    if (entry.ahead === true) this.#ahead -= 1;
  }

  /**
   * Resolves when a read of `bytes` may start: at once unless half the cache is on the way already, otherwise in the
   * order of asking. A read larger than that goes alone. Whoever holds a permit never asks for a second one.
   */
  permit(bytes: number): Promise<LoadPermit> {
    if (this.#waiting.length === 0 && this.#mayLoad(bytes)) return Promise.resolve(this.#load(bytes));
    return new Promise((resolve) => this.#waiting.push({ bytes, grant: resolve }));
  }

  /** A permit if there is one right now: for reads nobody waits for. */
  tryPermit(bytes: number): LoadPermit | undefined {
    const fits = this.#loadingBytes + bytes <= this.maxBytes / 2;
    return fits && this.#waiting.length === 0 ? this.#load(bytes) : undefined;
  }

  #mayLoad(bytes: number): boolean {
    return this.#loadingBytes === 0 || this.#loadingBytes + bytes <= this.maxBytes / 2;
  }

  #load(bytes: number): LoadPermit {
    this.#loadingBytes += bytes;
    this.#makeRoom();
    let held = true;
    return {
      release: () => {
        invariant(held, 'a load permit is given back once');
        held = false;
        this.#loadingBytes -= bytes;
        this.#grantWaiting();
      },
    };
  }

  #grantWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#mayLoad(next.bytes)) return;
      this.#waiting.shift();
      next.grant(this.#load(next.bytes));
    }
  }

  #makeRoom(): void {
    for (const [entry, counted] of this.#entries) {
      if (this.#keptBytes + this.#loadingBytes <= this.maxBytes) return;
      this.#forget(entry, counted);
      this.#evictions += 1;
      entry.evict();
    }
  }
}
