import { invariant } from '@message-vault/runtime';
import type { CacheEntry, ChunkCache } from './chunk-cache.ts';
import { free } from './free.ts';
import type { StoredCommit } from './stored-commit.ts';

/** What a commit's objects (header, views, array) take besides its bytes. Estimated from heap snapshots, rounded up. */
const COMMIT_OVERHEAD_BYTES = 1024;
/** Commits found at the tail are gathered in one run up to this size: a run per look would be many tiny ones. */
const GATHER_BYTES = 1024 * 1024;

/**
 * Consecutive commits kept in memory, checked once for everybody who reads them.
 *
 * One that goes gives its memory back at once if it was shown to somebody and nobody looks at it any more. Left to the
 * collector, a replay would have it go through the whole heap for every 64 MiB, for longer than the storage takes to
 * answer. So nothing of a run is looked at after a wait without `lend`, or `isFreed`.
 */
export class Run implements CacheEntry {
  readonly startPage: number;
  readonly #commits: StoredCommit[] = [];
  readonly #evicted: (run: Run) => void;
  #endPage: number;
  #bytes = 0;
  /** How many look at it now; undefined before the first does. */
  #lookers: number | undefined;
  /** The cache has let go of it. */
  #gone = false;
  #freed = false;

  constructor(options: { startPage: number; evicted: (run: Run) => void }) {
    this.startPage = options.startPage;
    this.#endPage = options.startPage;
    this.#evicted = options.evicted;
  }

  /** The page after the last commit. */
  get endPage(): number {
    return this.#endPage;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** `heldBytes`: of the buffers that stay alive through these commits. */
  append(commits: readonly StoredCommit[], heldBytes: number): void {
    for (const commit of commits) {
      invariant(
        commit.header.page === this.#endPage,
        `a run has no gaps: page ${commit.header.page} after ${this.#endPage}`,
      );
      this.#commits.push(commit);
      this.#endPage += commit.header.pages;
    }
    this.#bytes += heldBytes + commits.length * COMMIT_OVERHEAD_BYTES;
  }

  /** Where in the run the commit that starts at `page` is; undefined when none starts there. */
  indexOf(page: number): number | undefined {
    let low = 0;
    let high = this.#commits.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#commits[middle]?.header.page ?? 0;
      if (found === page) return middle;
      if (found < page) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  at(index: number): StoredCommit | undefined {
    return this.#commits[index];
  }

  /** Whether its memory has been given back: it is to be loaded anew. */
  get isFreed(): boolean {
    return this.#freed;
  }

  /** Its commits stay as they are until the answer is called, once; if it never is, for as long as anybody has them. */
  lend(): () => void {
    invariant(!this.#freed, 'what is lent is in memory');
    this.#lookers = (this.#lookers ?? 0) + 1;
    return () => {
      invariant(
        this.#lookers !== undefined && this.#lookers > 0,
        'a run is given back once by each who had it',
      );
      this.#lookers -= 1;
      this.#freeIfDone();
    };
  }

  evict(): void {
    this.#evicted(this);
    this.#gone = true;
    this.#freeIfDone();
  }

  #freeIfDone(): void {
    if (!this.#gone || this.#lookers !== 0) return;
    this.#freed = true;
    for (const buffer of new Set(this.#commits.map(({ bytes }) => bytes.buffer))) free(buffer);
  }
}

/** The runs of one stream that are in memory, in order of their pages, never overlapping. */
export class RunIndex {
  readonly #cache: ChunkCache;
  readonly #runs: Run[] = [];

  constructor(cache: ChunkCache) {
    this.#cache = cache;
  }

  /** The run that covers `page`, counted as used. */
  find(page: number): Run | undefined {
    const run = this.#runs[this.#firstAfter(page) - 1];
    if (run === undefined || page >= run.endPage) return undefined;
    this.#cache.touch(run);
    return run;
  }

  /** Where the first run after `page` starts. */
  nextStart(page: number): number | undefined {
    return this.#runs[this.#firstAfter(page)]?.startPage;
  }

  /**
   * Keeps `commits`, which begin at `startPage`, the end of a proven commit. What is in memory already is not kept
   * twice. Answers the run even when there was no room to keep it.
   */
  add(startPage: number, commits: readonly StoredCommit[], heldBytes: number): Run {
    const run = new Run({ startPage, evicted: (gone) => this.#forget(gone) });
    run.append(commits, heldBytes);
    const at = this.#firstAfter(startPage);
    const before = this.#runs[at - 1];
    const after = this.#runs[at];
    const free =
      (before === undefined || before.endPage <= startPage) &&
      (after === undefined || run.endPage <= after.startPage);
    if (!free || commits.length === 0) return run;
    this.#runs.splice(at, 0, run);
    this.#cache.put(run);
    return run;
  }

  /** Keeps commits found at the tail: in the run that ends there while that is small. */
  addAtTail(startPage: number, commits: readonly StoredCommit[], heldBytes: number): void {
    const last = this.#runs.at(-1);
    if (last === undefined || last.endPage !== startPage || last.bytes + heldBytes > GATHER_BYTES) {
      this.add(startPage, commits, heldBytes);
      return;
    }
    last.append(commits, heldBytes);
    this.#cache.touch(last);
  }

  /** Lets go of all runs that begin before `page`. */
  dropBefore(page: number): void {
    const dropped = this.#runs.splice(0, this.#firstAfter(page - 1));
    for (const run of dropped) this.#cache.remove(run);
  }

  clear(): void {
    for (const run of this.#runs.splice(0)) this.#cache.remove(run);
  }

  #forget(run: Run): void {
    const at = this.#firstAfter(run.startPage) - 1;
    if (this.#runs[at] === run) this.#runs.splice(at, 1);
  }

  /** Index of the first run that starts after `page`. */
  #firstAfter(page: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle]?.startPage ?? 0) <= page) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
