import {
  COMMIT_HEADER_BYTES,
  type CommitHeader,
  encodeOffset,
  MAX_PAGE,
  PAGE_BYTES,
} from '@message-vault/framing';
import type { Runtime } from '@message-vault/runtime';
import type { ETag } from '@message-vault/storage';
import { damagedAt, isLogError, LogError } from '../errors.ts';
import type { LandedCommit } from '../stream.ts';
import { judgeBlankPlace } from './blank.ts';
import type { ChunkCache } from './chunk-cache.ts';
import { judgeBadPlace } from './damage.ts';
import type { PageRead, PageSource } from './page-source.ts';
import type { RunIndex } from './runs.ts';
import type { SegmentIndex } from './segment-index.ts';
import type { ReaderSettings } from './settings.ts';
import { trimmed } from './stored-commit.ts';
import { type Walk, walkCommits } from './walk.ts';
import { findWrittenEnd, isWrittenEnd } from './written-end.ts';

export interface StreamEndOptions {
  readonly source: PageSource;
  readonly runtime: Runtime;
  readonly segments: SegmentIndex;
  readonly runs: RunIndex;
  readonly cache: ChunkCache;
  readonly settings: ReaderSettings;
  readonly onGrowth: () => void;
}

/** Up to this size, what is read at a tail has no permit of the cache: thousands of tails are watched. */
const UNCOUNTED_BYTES = 64 * 1024;
const READ_GROWTH = 16;
/** Once, it was made between the two calls; ever again, something is wrong. */
const MAX_ABSENCES = 4;

/**
 * How far the stream is known to reach, and the looks at storage that move this on.
 *
 * `page` is the end of a proven commit (or the stream's or newest segment's start): everything before it is there and
 * never changes. It only ever moves forward.
 */
export class StreamEnd {
  readonly #options: StreamEndOptions;
  #started = false;
  #segment = 0;
  #page = 0;
  #last: CommitHeader | undefined;
  /**
   * The version of the segment at which nothing good was at `page`, and when that was seen. `isProven`: no older bytes
   * can have come with it, since it was known before they were asked for.
   */
  #seen: { etag: ETag; at: number; isProven: boolean } | undefined;
  /** The version of the segment an answer named last. */
  #version: ETag | undefined;
  #readBytes: number;
  /** What the commit at `page` takes, once its header has been seen. */
  #neededBytes = 0;
  /** Full reads of the largest size found more and more: worth searching for the end. */
  #farBehind = false;
  /** A segment whose end cannot be proven from its back: it is walked. */
  #unsearchable: number | undefined;
  #hint: number | undefined;
  /** How often in a row the newest segment was listed and then not there. */
  #absences = 0;
  #atEnd = false;

  constructor(options: StreamEndOptions) {
    this.#options = options;
    this.#readBytes = options.settings.firstReadBytes;
  }

  get page(): number {
    return this.#page;
  }

  /** Whether nothing was behind `page` when it was reached, or looked at last. */
  get atEnd(): boolean {
    return this.#atEnd;
  }

  /** First page of the segment the end is in, or will be in. */
  get segment(): number {
    return this.#segment;
  }

  /** The last commit before `page`; undefined when there is none, or none in this segment was read yet. */
  get last(): CommitHeader | undefined {
    return this.#last;
  }

  /** Somebody says the stream reaches up to `page`. Only ever decides where and how much is read first. */
  hint(page: number): void {
    this.#hint = Number.isSafeInteger(page) && page > this.#page && page <= MAX_PAGE ? page : undefined;
  }

  /**
   * Takes up a commit nobody has to read from storage, since whoever brings it has had it stored: if it is good, comes
   * right behind the known end, and was written to the very version of the segment that ends there. `wanted`: somebody is
   * about to read it, so it is kept in memory, checked in full; otherwise the end moves past it. To be called between looks.
   */
  take(commit: LandedCommit, { wanted }: { wanted: boolean }): void {
    if (this.#seen?.etag !== commit.versionBefore || this.#last === undefined) return;
    if (!(wanted ? this.#keep(commit.bytes) : this.#pass(commit.bytes))) return;
    const { runtime, onGrowth } = this.#options;
    this.#atEnd = !this.#last.lastInSegment;
    if (this.#atEnd) this.#seen = { etag: commit.version, at: runtime.monotonic(), isProven: true };
    onGrowth();
  }

  /** False when it is none that comes here. */
  #keep(lent: Uint8Array): boolean {
    const bytes = new Uint8Array(lent);
    const walk = this.#walk(bytes);
    const [only] = walk.commits;
    if (only === undefined || only.bytes.byteLength !== bytes.byteLength) return false;
    this.#advance(walk, bytes);
    return true;
  }

  /** The same, by its header alone. */
  #pass(lent: Uint8Array): boolean {
    const { stop } = this.#walk(lent.subarray(0, COMMIT_HEADER_BYTES));
    if (stop.kind !== 'partial' || stop.header.byteLength !== lent.byteLength) return false;
    this.#options.segments.add(this.#segment);
    this.#moveTo(stop.header);
    if (stop.header.lastInSegment) this.#enter(this.#page);
    return true;
  }

  /** Only the end is wanted, nothing on the way there: the next look searches for it when there is much to skip. */
  skipAhead(): void {
    this.#farBehind ||= this.#readBytes > this.#options.settings.firstReadBytes;
  }

  /** Finds the newest segment, once. */
  async start(): Promise<void> {
    if (this.#started) return;
    const newest = (await this.#options.segments.list()).at(-1) ?? 0;
    if (this.#started) return;
    this.#started = true;
    this.#enter(newest);
  }

  /**
   * One look at what is stored at `page`, which takes up the commits found there. True when the end of what was
   * stored at that moment is reached, false when there may be more.
   */
  async look(): Promise<boolean> {
    await this.start();
    const before = this.#page;
    try {
      this.#atEnd = false;
      if ((this.#farBehind || this.#isHintFar()) && (await this.#leap())) return false;
      this.#atEnd = await this.#lookHere();
      return this.#atEnd;
    } finally {
      if (this.#page !== before) this.#options.onGrowth();
    }
  }

  async #lookHere(): Promise<boolean> {
    const asked = this.#bytesToRead();
    this.#hint = undefined;
    const read = await this.#read(asked, this.#condition());
    if (read.status === 'absent') return await this.#absent();
    this.#absences = 0;
    if (read.status === 'not_modified') return true;
    return await this.#takeUp(read.bytes, { asked, etag: read.etag });
  }

  async #read(bytes: number, condition: ETag | undefined): Promise<PageRead> {
    const { source, cache } = this.#options;
    const permit = bytes > UNCOUNTED_BYTES ? await cache.permit(bytes) : undefined;
    try {
      return await source.read(this.#segment, this.#page, bytes, condition);
    } finally {
      permit?.release();
    }
  }

  /** What is known to come, and enough besides to see that it ends there; or what a look usually finds. */
  #bytesToRead(): number {
    const { chunkBytes, tailReadBytes } = this.#options.settings;
    const hinted = this.#hint === undefined ? 0 : (this.#hint - this.#page) * PAGE_BYTES;
    const known = Math.max(this.#neededBytes, Math.min(chunkBytes, hinted));
    return tailReadBytes + Math.max(known, Math.min(chunkBytes, this.#readBytes) - tailReadBytes, 0);
  }

  #condition(): ETag | undefined {
    const { runtime, settings } = this.#options;
    if (this.#seen?.isProven !== true) return undefined;
    return runtime.monotonic() - this.#seen.at > settings.recheckMs ? undefined : this.#seen.etag;
  }

  async #takeUp(bytes: Uint8Array, { asked, etag }: { asked: number; etag: ETag }): Promise<boolean> {
    const at = this.#options.runtime.monotonic();
    // Azurite names the version of when it sends, with the bytes of when it began: a write between the two would be missed.
    const isProven = this.#version === etag;
    this.#version = etag;
    const walk = this.#walk(bytes);
    // From here on it may be in another segment, which has versions of its own.
    this.#advance(walk, bytes);
    const blobEnds = bytes.byteLength < asked;
    const isSame = this.#seen?.etag === etag;
    const atEnd = await this.#judge(walk, { blobEnds, asked, isSame });
    this.#seen = atEnd ? { etag, at, isProven } : undefined;
    return atEnd;
  }

  #walk(bytes: Uint8Array): Walk {
    const { streamId } = this.#options.source.stream;
    return walkCommits({ bytes, page: this.#page, streamId, previous: this.#last });
  }

  #advance({ commits, page, stop }: Walk, bytes: Uint8Array): void {
    const last = commits.at(-1);
    if (last === undefined) return;
    const kept = trimmed(commits, bytes);
    this.#options.segments.add(this.#segment);
    this.#options.runs.addAtTail(this.#page, kept, kept[0]?.bytes.buffer.byteLength ?? 0);
    const gained = (page - this.#page) * PAGE_BYTES;
    this.#readBytes = Math.min(this.#options.settings.firstReadBytes, 2 * gained);
    this.#moveTo(last.header);
    if (stop.kind === 'sealed') this.#enter(page);
  }

  /** Whether where the walk stopped is the end for now. Throws LogError `damaged`. */
  async #judge(
    { commits, stop }: Walk,
    read: { blobEnds: boolean; asked: number; isSame: boolean },
  ): Promise<boolean> {
    switch (stop.kind) {
      case 'blank':
        if (commits.length > 0) return true;
        this.#readBytes = 0;
        return read.isSame || (await this.#judgeBlank());
      case 'sealed':
        return false;
      case 'end':
        if (!read.blobEnds) this.#readMore(read.asked);
        return read.blobEnds;
      case 'partial':
        if (commits.length === 0 && read.blobEnds)
          throw damagedAt(this.#page, 'the segment ends within a commit');
        this.#neededBytes = stop.header.byteLength;
        if (commits.length > 0) this.#readMore(read.asked);
        return false;
      case 'bad':
        // Whoever looks hears first of what is good; the next look judges.
        return commits.length > 0 ? false : await this.#judgeBad(stop);
    }
  }

  async #judgeBlank(): Promise<boolean> {
    const { source, segments } = this.#options;
    const verdict = await judgeBlankPlace({ source, segments, segment: this.#segment, page: this.#page });
    if (typeof verdict === 'object') this.#enter(verdict.endsIn);
    return verdict === 'here';
  }

  /** Not yet, unless something after it says that it was there. */
  async #judgeBad(stop: Extract<Walk['stop'], { kind: 'bad' }>): Promise<boolean> {
    const { source, segments } = this.#options;
    const { header } = stop;
    const verdict = await judgeBadPlace({
      source,
      segments,
      segment: this.#segment,
      page: this.#page,
      header,
    });
    if (verdict === 'damaged') throw damagedAt(this.#page, stop.cause.message, stop.cause);
    return verdict === 'not yet';
  }

  #readMore(asked: number): void {
    const { chunkBytes } = this.#options.settings;
    this.#farBehind = asked >= chunkBytes;
    this.#readBytes = Math.min(chunkBytes, asked * READ_GROWTH);
  }

  /**
   * Goes to the last commit of the newest segment without reading what lies before it. False when that is not
   * possible (nothing more is written, or no commit near the end can be believed): then the commits are walked.
   */
  async #leap(): Promise<boolean> {
    const { segments, settings } = this.#options;
    const from = this.#page;
    const newest = (await segments.refresh()).at(-1) ?? 0;
    if (newest > this.#segment) this.#enter(newest);
    const last = await this.#lastCommit();
    if (last !== undefined && last.page >= this.#page) this.#moveTo(last);
    if (last?.lastInSegment === true) this.#enter(this.#page);
    this.#farBehind = false;
    this.#readBytes = settings.firstReadBytes;
    return this.#page !== from;
  }

  async #lastCommit(): Promise<CommitHeader | undefined> {
    if (this.#unsearchable === this.#segment) return undefined;
    const end = await this.#writtenEnd();
    if (end === undefined || end <= this.#page) return undefined;
    try {
      return await this.#options.source.lastCommit(this.#segment, end);
    } catch (error) {
      if (!isLogError(error, 'damaged')) throw error;
      // Walking on from what is known finds the damaged place itself, and what can still be read before it.
      this.#unsearchable = this.#segment;
      return undefined;
    }
  }

  /** A hint costs one call when it is true; when it isn't, only being far behind is worth a search. */
  async #writtenEnd(): Promise<number | undefined> {
    const { source } = this.#options;
    const hint = this.#hint;
    this.#hint = undefined;
    if (hint !== undefined && (await isWrittenEnd(source, this.#segment, hint))) return hint;
    return this.#farBehind ? await findWrittenEnd(source, this.#segment, this.#page) : undefined;
  }

  #isHintFar(): boolean {
    const { chunkBytes } = this.#options.settings;
    return this.#hint !== undefined && (this.#hint - this.#page) * PAGE_BYTES > chunkBytes;
  }

  /** The segment the end is in is not there: it was not made yet, retention has passed by, or the stream is gone. */
  async #absent(): Promise<boolean> {
    const known = await this.#options.segments.refresh();
    const newest = known.at(-1);
    if (newest === this.#segment) {
      this.#absences += 1;
      if (this.#absences < MAX_ABSENCES) return false;
      throw new LogError('storage_unavailable', 'the newest segment is listed but cannot be found');
    }
    if (newest !== undefined && newest > this.#segment) {
      this.#enter(newest);
      return false;
    }
    const notMadeYet = this.#page === this.#segment && (this.#page === 0 || newest !== undefined);
    if (notMadeYet) return true;
    if (newest !== undefined) throw damagedAt(this.#page, 'the newest segment is missing');
    const details = { offset: encodeOffset(this.#page, 0), earliestOffset: 0, nextOffset: 0 };
    throw new LogError('offset_out_of_range', 'the stream has been deleted', details);
  }

  #moveTo(last: CommitHeader): void {
    this.#last = last;
    this.#page = last.page + last.pages;
    this.#neededBytes = 0;
    this.#seen = undefined;
    if (this.#hint !== undefined && this.#hint <= this.#page) this.#hint = undefined;
  }

  #enter(segment: number): void {
    if (this.#page !== segment) this.#last = undefined;
    this.#segment = segment;
    this.#page = segment;
    this.#neededBytes = 0;
    this.#seen = undefined;
    this.#version = undefined;
    this.#readBytes = this.#options.settings.firstReadBytes;
  }
}
