import { encodeOffset, MAX_COMMIT_BYTES, type MessagePlace, PAGE_BYTES } from '@message-vault/framing';
import { abortable, invariant, type Runtime, sleep } from '@message-vault/runtime';
import type { PageStore } from '@message-vault/storage';
import { isLogError, LogError } from '../errors.ts';
import type { LandedCommit, StreamRef } from '../stream.ts';
import type { ChunkCache } from './chunk-cache.ts';
import { GrowthWatch } from './growth.ts';
import { HeaderSource } from './headers.ts';
import { Looks } from './looks.ts';
import { PageSource } from './page-source.ts';
import { Places } from './places.ts';
import { type Position, Positions, type StreamBounds } from './positions.ts';
import { ReadAhead } from './read-ahead.ts';
import { Replay } from './replay.ts';
import { type Run, RunIndex } from './runs.ts';
import { SegmentIndex } from './segment-index.ts';
import { defaultReaderSettings, type ReaderSettings } from './settings.ts';
import { type StoredCommit, withoutLargeBuffers } from './stored-commit.ts';
import { StreamEnd } from './stream-end.ts';

export interface ReaderOptions {
  readonly pages: PageStore;
  readonly runtime: Runtime;
  readonly stream: StreamRef;
  /** Shared by all readers of a process. */
  readonly cache: ChunkCache;
  readonly settings?: Partial<ReaderSettings> | undefined;
}

export interface ReadRequest {
  /** An offset. */
  readonly from: number;
  /** Of whole commits. At least one commit is answered, however large, when there is one. */
  readonly maxBytes: number;
  /** False for what is known already, as after `waitForGrowth`: saves a look at the tail. By default, true. */
  readonly fresh?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ReadResult {
  /** The first one holds the message at `from`, but may begin before it: see iterateMessages. */
  readonly commits: readonly StoredCommit[];
  /** Where to go on. */
  readonly nextOffset: number;
  /** Nothing more was stored at some moment after the request. */
  readonly upToDate: boolean;
  /**
   * Says that nobody looks at the commits any more, nor at any view of their bytes: there may be nothing left of them. Never
   * has to be called: what is not given back is left to the collector.
   */
  release(): void;
}

/**
 * Reads one stream, with nothing but read access to its container. Everything it keeps can be lost without harm.
 *
 * Errors of all methods: LogError `offset_out_of_range` (with what is there), `damaged` (with where),
 * `storage_unavailable`, `closed`; a StorageError when access is refused; the signal's reason once it is aborted.
 */
export interface StreamReader {
  bounds(signal?: AbortSignal): Promise<StreamBounds>;
  /** The offset to read from. A time that is still to come is the tail; so is `last: 0`. */
  resolve(position: Position, signal?: AbortSignal): Promise<number>;
  /** Sees all that was acknowledged before the call, unless it needs not be fresh. */
  read(request: ReadRequest): Promise<ReadResult>;
  /** True once there is a message at `from`, false when there is none after `timeoutMs`. Outlasts storage that does not answer. */
  waitForGrowth(
    from: number,
    options: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<boolean>;
  /** All commits from `from` on, for ever: ends only by `signal` (or a `return`), or with an error that waiting can't heal. */
  tailCommits(from: number, signal?: AbortSignal): AsyncIterable<StoredCommit>;
  /**
   * Somebody says the stream has grown up to `tailPage`. May be late, lost or wrong. `commit`, its last one, comes from
   * whoever had it stored: it is believed, wherever it fits.
   */
  hint(tailPage: number, commit?: LandedCommit): void;
  /** Ends all that is waiting with `closed` and lets go of all memory. */
  close(): void;
}

export function openReader(options: ReaderOptions): StreamReader {
  return new Reader(options);
}

/** One step of a tail chase, and how long it waits for growth at a time. */
const TAIL_STEP_BYTES = 256 * 1024;
const TAIL_WAIT_MS = 60_000;

/** Who has read up to so little before the end, not longer ago than this, is taken to go on. */
const CHASED_WITHIN_BYTES = 4 * MAX_COMMIT_BYTES;
const CHASED_FOR_MS = 1000;

class Reader implements StreamReader {
  readonly #runtime: Runtime;
  readonly #settings: ReaderSettings;
  readonly #closing = new AbortController();
  readonly #runs: RunIndex;
  readonly #headers: HeaderSource;
  readonly #end: StreamEnd;
  readonly #looks: Looks;
  readonly #growth: GrowthWatch;
  readonly #places: Places;
  readonly #positions: Positions;
  readonly #ahead: ReadAhead;
  readonly #replay: Replay;
  /** Where the last read ended, and when, on the monotonic clock. */
  #lastRead: { readonly page: number; readonly at: number } | undefined;

  constructor({ pages, runtime, stream, cache, settings: given }: ReaderOptions) {
    const settings = { ...defaultReaderSettings, ...given };
    invariant(settings.chunkBytes % PAGE_BYTES === 0, 'chunks are whole pages');
    const source = new PageSource({
      pages,
      runtime,
      stream,
      readTimeoutMs: settings.readTimeoutMs,
      closing: this.#closing.signal,
    });
    const runs = new RunIndex(cache);
    const segments = new SegmentIndex({ source, runtime, onListed: (earliest) => runs.dropBefore(earliest) });
    const headers = new HeaderSource({ streamId: stream.streamId, source, segments, runs, cache });
    const onGrowth = (): void => this.#growth.grown();
    const end = new StreamEnd({ source, runtime, segments, runs, cache, settings, onGrowth });
    const looks = new Looks(end);
    const places = new Places({ segments, headers, runs, end, looks });
    this.#runtime = runtime;
    this.#settings = settings;
    this.#runs = runs;
    this.#headers = headers;
    this.#end = end;
    this.#looks = looks;
    this.#places = places;
    this.#growth = new GrowthWatch({ runtime, settings, end, looks });
    this.#ahead = new ReadAhead({ source, cache });
    const { chunkBytes, listingMaxAgeMs } = settings;
    this.#replay = new Replay({ source, segments, runs, ahead: this.#ahead, cache, end, chunkBytes });
    this.#positions = new Positions({ segments, headers, end, looks, places, listingMaxAgeMs });
  }

  bounds(signal?: AbortSignal): Promise<StreamBounds> {
    return this.#while(() => this.#positions.bounds(), signal);
  }

  resolve(position: Position, signal?: AbortSignal): Promise<number> {
    return this.#while(() => this.#positions.resolve(position), signal);
  }

  read({ from, maxBytes, fresh = true, signal }: ReadRequest): Promise<ReadResult> {
    return this.#while(() => this.#read(from, maxBytes, fresh), signal);
  }

  async waitForGrowth(
    from: number,
    { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<boolean> {
    const { page } = await this.#while(() => this.#places.locate(from), signal);
    return await this.#growth.wait(page, timeoutMs, signal);
  }

  async *tailCommits(from: number, signal?: AbortSignal): AsyncGenerator<StoredCommit, void, undefined> {
    let next = from;
    for (;;) {
      const { commits, nextOffset } = await this.#tailStep(next, signal);
      yield* commits;
      next = nextOffset;
      if (commits.length === 0) await this.waitForGrowth(next, { timeoutMs: TAIL_WAIT_MS, signal });
    }
  }

  hint(tailPage: number, commit?: LandedCommit): void {
    this.#end.hint(tailPage);
    this.#growth.hint(tailPage);
    // A look that is under way goes on from where the end was when it began.
    if (commit === undefined || this.#looks.isLooking) return;
    this.#end.take(commit, { wanted: this.#growth.isAwaited || this.#isChased });
  }

  close(): void {
    const closed = this.#closed();
    this.#closing.abort(closed);
    this.#growth.fail(closed);
    this.#ahead.clear();
    this.#headers.clear();
    this.#runs.clear();
  }

  /** Somebody has just read nearly up to the end, and will want what comes next. */
  get #isChased(): boolean {
    if (this.#lastRead === undefined) return false;
    const { page, at } = this.#lastRead;
    const behindBytes = (this.#end.page - page) * PAGE_BYTES;
    return behindBytes <= CHASED_WITHIN_BYTES && this.#runtime.monotonic() - at <= CHASED_FOR_MS;
  }

  /** What is known already is answered without a look at the tail: the wait that follows looks. */
  async #tailStep(from: number, signal: AbortSignal | undefined): Promise<ReadResult> {
    for (;;) {
      try {
        return await this.#while(() => this.#read(from, TAIL_STEP_BYTES, false), signal);
      } catch (error) {
        if (!isLogError(error, 'storage_unavailable')) throw error;
        await sleep(this.#runtime, this.#settings.maxPollMs, signal);
      }
    }
  }

  async #read(from: number, maxBytes: number, fresh: boolean): Promise<ReadResult> {
    invariant(!Number.isNaN(maxBytes), 'maxBytes is a number');
    const place = await this.#places.locate(from);
    const room = Math.min(maxBytes, this.#settings.maxReadBytes);
    const collected: Collected = { commits: [], lent: [] };
    const { page, upToDate } = await this.#collect(collected, place, { room, fresh });
    this.#places.remember(page, { readUpTo: true });
    this.#lastRead = { page, at: this.#runtime.monotonic() };
    return {
      commits: withoutLargeBuffers(collected.commits),
      nextOffset: encodeOffset(page, 0),
      upToDate,
      release: () => {
        for (const giveBack of collected.lent.splice(0)) giveBack();
      },
    };
  }

  async #collect(
    { commits, lent }: Collected,
    place: MessagePlace,
    { room, fresh }: { room: number; fresh: boolean },
  ): Promise<{ page: number; upToDate: boolean }> {
    let { page } = place;
    let left = room;
    let sequential = this.#places.isContinued(page);
    let looked = !fresh;
    for (;;) {
      if (page === this.#end.page && looked) return { page, upToDate: fresh || this.#end.atEnd };
      const step = await this.#step(page, { left, sequential }).catch((error: unknown) => {
        // What lies before a damaged place can still be read; whoever goes on from there hears of it.
        if (commits.length > 0 && isLogError(error, 'damaged')) return undefined;
        throw error;
      });
      if (step === undefined && commits.length === 0) throw await this.#places.outOfRange(placeOffset(place));
      if (step === undefined) return { page, upToDate: false };
      if ('looked' in step) {
        looked = step.looked;
        continue;
      }
      // Somebody else was quicker, and is done with it already.
      if (step.isFreed) continue;
      lent.push(step.lend());
      const taken = take(step, { page, room: left, atLeastOne: commits.length === 0 });
      commits.push(...taken.commits);
      left -= taken.bytes;
      page = taken.page;
      if (taken.full) return { page, upToDate: false };
      sequential = true;
    }
  }

  /** What is in memory or storage at `page`, or a look whether there is anything. Undefined when it is gone. */
  async #step(
    page: number,
    { left, sequential }: { left: number; sequential: boolean },
  ): Promise<Run | { readonly looked: boolean } | undefined> {
    if (page === this.#end.page) return { looked: await this.#looks.once() };
    return this.#runs.find(page) ?? (await this.#load(page, { bytes: left, sequential }));
  }

  #load(
    page: number,
    { bytes, sequential }: { bytes: number; sequential: boolean },
  ): Promise<Run | undefined> {
    const { chunkBytes, firstReadBytes } = this.#settings;
    const wanted = sequential ? chunkBytes : Math.min(chunkBytes, Math.max(firstReadBytes, bytes));
    return this.#replay.load({ page, bytes: wanted, sequential });
  }

  #while<Value>(work: () => Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closed());
    return abortable(work(), signal);
  }

  #closed(): LogError {
    return new LogError('closed', 'the reader is closed');
  }
}

function placeOffset({ page, index }: MessagePlace): number {
  return encodeOffset(page, index);
}

interface Collected {
  readonly commits: StoredCommit[];
  /** Each gives a run back that some of the commits are of. */
  readonly lent: (() => void)[];
}

/** The commits of `run` from `page` on that fit `room`. */
function take(
  run: Run,
  { page, room, atLeastOne }: { page: number; room: number; atLeastOne: boolean },
): { commits: StoredCommit[]; bytes: number; page: number; full: boolean } {
  const commits: StoredCommit[] = [];
  let bytes = 0;
  let next = page;
  const first = run.indexOf(page);
  invariant(first !== undefined, `page ${page} is not the start of a commit`);
  for (let index = first; ; index += 1) {
    const commit = run.at(index);
    if (commit === undefined) return { commits, bytes, page: next, full: false };
    const isFree = atLeastOne && commits.length === 0;
    if (!isFree && bytes + commit.header.byteLength > room) return { commits, bytes, page: next, full: true };
    commits.push(commit);
    bytes += commit.header.byteLength;
    next += commit.header.pages;
  }
}
