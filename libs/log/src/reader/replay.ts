import { MAX_COMMIT_BYTES, PAGE_BYTES } from '@message-vault/framing';
import { damagedAt } from '../errors.ts';
import type { ChunkCache } from './chunk-cache.ts';
import { free } from './free.ts';
import type { PageSource } from './page-source.ts';
import type { AheadPiece, RawPiece, ReadAhead } from './read-ahead.ts';
import type { Run, RunIndex } from './runs.ts';
import type { SegmentIndex } from './segment-index.ts';
import type { StoredCommit } from './stored-commit.ts';
import type { StreamEnd } from './stream-end.ts';
import { walkCommits } from './walk.ts';

export interface ReplayOptions {
  readonly source: PageSource;
  readonly segments: SegmentIndex;
  readonly runs: RunIndex;
  readonly ahead: ReadAhead;
  readonly cache: ChunkCache;
  readonly end: StreamEnd;
  /** Of one read of a sequential replay. */
  readonly chunkBytes: number;
}

export interface LoadRequest {
  /** Proven to be the start of a commit that lies before the end. */
  readonly page: number;
  /** About how much is wanted. */
  readonly bytes: number;
  /** Whether what comes next will be asked for, too. */
  readonly sequential: boolean;
}

interface Load {
  readonly page: number;
  readonly endPage: number;
  readonly run: Promise<Run | undefined>;
}

/** What is served, what of a commit goes on from it into what is read ahead, and two pieces of that; with one to spare. */
const PIECES_OF_A_REPLAY = 5;

/** Pages in memory, and what of a commit was put together from two reads before them. */
interface Piece {
  readonly begun: StoredCommit | undefined;
  readonly bytes: Uint8Array;
  readonly page: number;
  readonly next: RawPiece | undefined;
}

/** Reads the immutable part of a stream, before its known end, in large steps, checking every commit once. */
export class Replay {
  readonly #options: ReplayOptions;
  readonly #loads = new Set<Load>();

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /**
   * The run that covers `page`, loaded or joined while somebody else loads it. Undefined when retention has taken it.
   * Throws LogError `damaged`.
   */
  async load(request: LoadRequest): Promise<Run | undefined> {
    const { page } = request;
    const running = this.#covering(page);
    if (running === undefined) return await this.#begin(request);
    if (running.page === page) return await running.run;
    await running.run.catch(() => undefined);
    const run = this.#options.runs.find(page);
    return run?.indexOf(page) === undefined ? await this.load(request) : run;
  }

  #covering(page: number): Load | undefined {
    for (const load of this.#loads) if (load.page <= page && page < load.endPage) return load;
    return undefined;
  }

  async #begin(request: LoadRequest): Promise<Run | undefined> {
    const { page, bytes } = request;
    const endPage = Math.min(page + Math.ceil(bytes / PAGE_BYTES), this.#limit(page));
    const load: Load = { page, endPage, run: this.#load(request, endPage) };
    this.#loads.add(load);
    try {
      return await load.run;
    } finally {
      this.#loads.delete(load);
    }
  }

  async #load({ page, sequential }: LoadRequest, endPage: number): Promise<Run | undefined> {
    const ahead = this.#options.ahead.take(page);
    const piece = ahead === undefined ? undefined : await this.#fromAhead(ahead, sequential);
    const run = piece === undefined ? undefined : this.#keep(page, piece);
    if (run !== undefined) return run;
    const read = await this.#readPiece(page, endPage, sequential);
    if (read === undefined) return undefined;
    return this.#keep(page, read) ?? (await this.#loadOne(page, read.bytes));
  }

  /** The piece read ahead, put together with the part of a commit before it. Undefined when that did not work out. */
  async #fromAhead({ begun, raw }: AheadPiece, sequential: boolean): Promise<Piece | undefined> {
    const bytes = await raw.bytes;
    if (bytes === undefined) return undefined;
    const next = sequential ? this.#goOnAhead(raw) : undefined;
    if (begun === undefined) return { begun: undefined, bytes, page: raw.page, next };
    const missing = begun.bytes.byteLength - begun.filled;
    if (missing > bytes.byteLength) return undefined;
    begun.bytes.set(bytes.subarray(0, missing), begun.filled);
    const page = raw.page - begun.filled / PAGE_BYTES;
    const { commits } = walkCommits({ bytes: begun.bytes, page, streamId: this.#streamId });
    const [commit] = commits;
    if (commit === undefined) return undefined;
    return { begun: commit, bytes: bytes.subarray(missing), page: page + commit.header.pages, next };
  }

  async #readPiece(page: number, endPage: number, sequential: boolean): Promise<Piece | undefined> {
    const bytes = await this.#read(page, (endPage - page) * PAGE_BYTES);
    if (bytes === undefined) return undefined;
    const next = sequential ? this.#startAhead(endPage) : undefined;
    return { begun: undefined, bytes, page, next };
  }

  /**
   * The piece after `raw`, and the one after that on its way: once a replay has come for what was read ahead, storage is
   * given the next read before it has answered the last one. Only while nobody else reads: several replays keep storage
   * busy by themselves, and would push out of the cache what the others have read ahead.
   */
  #goOnAhead(raw: RawPiece): RawPiece | undefined {
    const { cache, chunkBytes } = this.#options;
    const next = raw.next ?? this.#startAhead(raw.page + raw.pages);
    const alone = cache.stats.loadingBytes <= chunkBytes && cache.entriesAhead === 0;
    const roomy = PIECES_OF_A_REPLAY * chunkBytes <= cache.maxBytes;
    if (next !== undefined && alone && roomy) next.next ??= this.#startAhead(next.page + next.pages);
    return next;
  }

  /** The read that follows is on its way before these bytes are even looked at. */
  #startAhead(page: number): RawPiece | undefined {
    const { ahead, segments, runs, chunkBytes } = this.#options;
    const segment = segments.containing(page);
    const pages = Math.min(chunkBytes / PAGE_BYTES, this.#limit(page) - page);
    if (segment === undefined || pages <= 0 || runs.find(page) !== undefined) return undefined;
    return ahead.start(segment.first, page, pages);
  }

  /** The run of the commits in `piece`; undefined when there is none. */
  #keep(page: number, { begun, bytes, page: walkFrom, next }: Piece): Run | undefined {
    const { runs, ahead } = this.#options;
    const walk = walkCommits({ bytes, page: walkFrom, streamId: this.#streamId, previous: begun?.header });
    if (next !== undefined) ahead.keep(walk, { bytes, page: walkFrom }, next);
    // All that was in it is in the commit before and the one after by now, in memory of their own.
    if (begun !== undefined && walk.commits.length === 0) free(bytes.buffer);
    const commits = begun === undefined ? walk.commits : [begun, ...walk.commits];
    if (commits.length === 0) return undefined;
    const held =
      (begun?.bytes.buffer.byteLength ?? 0) + (walk.commits.length > 0 ? bytes.buffer.byteLength : 0);
    return runs.add(page, commits, held);
  }

  /** A commit that is larger than what was read of it, or that could not be read: once more, in one read of its own. */
  async #loadOne(page: number, read: Uint8Array): Promise<Run | undefined> {
    const { stop: first } = walkCommits({ bytes: read, page, streamId: this.#streamId });
    const wanted = first.kind === 'partial' ? first.header.byteLength : MAX_COMMIT_BYTES;
    const bytes = await this.#read(page, Math.min(wanted, (this.#segmentLimit(page) - page) * PAGE_BYTES));
    if (bytes === undefined) return undefined;
    const run = this.#keep(page, { begun: undefined, bytes, page, next: undefined });
    if (run !== undefined) return run;
    if (await this.#options.segments.isGone(page)) return undefined;
    const { stop } = walkCommits({ bytes, page, streamId: this.#streamId });
    throw damagedAt(page, stop.kind === 'bad' ? stop.cause.message : 'there should be a commit', stop);
  }

  async #read(page: number, byteLength: number): Promise<Uint8Array | undefined> {
    const { segments, source, cache } = this.#options;
    const segment = segments.containing(page);
    if (segment === undefined) return undefined;
    const permit = await cache.permit(byteLength);
    const read = await source.read(segment.first, page, byteLength).finally(() => permit.release());
    if (read.status === 'read') return read.bytes;
    if (await segments.isGone(page)) return undefined;
    throw damagedAt(page, 'a segment between others is missing');
  }

  /** The page at which a read from `page` has to stop: what follows is in another segment, in memory, or not known. */
  #limit(page: number): number {
    return Math.min(this.#segmentLimit(page), this.#options.runs.nextStart(page) ?? Number.POSITIVE_INFINITY);
  }

  #segmentLimit(page: number): number {
    const { segments, end } = this.#options;
    return Math.min(segments.containing(page)?.next ?? end.page, end.page);
  }

  get #streamId(): string {
    return this.#options.source.stream.streamId;
  }
}
