import {
  COMMIT_HEADER_BYTES,
  type CommitHeader,
  decodeCommitHeader,
  FramingError,
  PAGE_BYTES,
} from '@message-vault/framing';
import { invariant } from '@message-vault/runtime';
import { type ETag, isStorageError, type SegmentRef } from '@message-vault/storage';
import { damagedAt, LogError } from '../errors.ts';
import { type StreamRef, segmentPages, segmentRef } from '../stream.ts';
import { insist, type Patience, pause, timedRead } from './calls.ts';
import { clearTorn } from './clear-torn.ts';
import { findLastCommit, requireTorn } from './last-commit.ts';
import { emptyLog, endAfter, type LogEnd } from './log-end.ts';
import { ProducerWindow } from './producer-window.ts';
import { rebuildWindow } from './rebuild-window.ts';
import { type ClaimContext, type ClaimedSegment, claimSegment, fenceSegment } from './segment.ts';
import type { WriterSettings } from './settings.ts';
import { TailWindow } from './tail-window.ts';
import { findWrittenEnd } from './written-end.ts';

/** The segment the next commit goes to. */
export interface OpenSegment {
  readonly ref: SegmentRef;
  readonly firstPage: number;
  /** Number of its first commit. */
  readonly firstNumber: number;
  readonly sizeBytes: number;
}

export interface Recovered {
  readonly end: LogEnd;
  readonly segment: OpenSegment;
  /** The segment's version after our last change to it. */
  readonly etag: ETag;
  readonly window: ProducerWindow;
}

export interface RecoverOptions extends ClaimContext, Patience {
  readonly settings: WriterSettings;
}

/** A claimed segment and what was found in it. */
interface Looked {
  readonly claimed: ClaimedSegment;
  readonly etag: ETag;
  readonly last: CommitHeader | undefined;
  readonly tail: TailWindow | undefined;
}

/** Listings may be overtaken by retention or by an old leader's last roll; a few new ones settle that. */
const MAX_LISTINGS = 8;
/** An old leader can have rolled a few times since the listing; it can't go on once the segment it writes is fenced. */
const MAX_FOLLOWED = 1000;

/**
 * Takes over the stream: fences its newest segment first, then looks for the end, clears what a torn write left there,
 * goes on to the next segment when the last commit says it closed its own, and rebuilds the dedupe window.
 *
 * Throws LogError: `not_leader`, `damaged`, `storage_unavailable` (after the deadline).
 */
export async function recover(options: RecoverOptions): Promise<Recovered> {
  for (let tries = 0; tries < MAX_LISTINGS; tries += 1) {
    const recovered = await recoverNewest(options);
    if (recovered !== undefined) return recovered;
    await pause(options.calls, 1);
  }
  throw keepChanging(options.stream);
}

/** Undefined when what was the newest segment is not any more. */
async function recoverNewest(options: RecoverOptions): Promise<Recovered | undefined> {
  const { listed, claimed } = await claimNewest(options);
  let looked = await look(options, claimed);
  let before: Looked | undefined;
  const segments = listed.filter((page) => page < claimed.firstPage);
  for (let followed = 0; looked.last?.lastInSegment === true; followed += 1) {
    invariant(followed < MAX_FOLLOWED, 'a stream of segments without an end');
    segments.push(looked.claimed.firstPage);
    before = looked;
    looked = await lookAtNext(options, endAfter(looked.last).nextPage);
  }
  segments.push(looked.claimed.firstPage);
  if (mayBeGhost(looked) && (await listSegments(options)).at(-1) !== looked.claimed.firstPage)
    return undefined;
  const holder = looked.last === undefined ? (before ?? (await lookBefore(options, segments))) : looked;
  const end = holder?.last === undefined ? emptyLog : endAfter(holder.last);
  const window = await rebuilt(options, segments, holder);
  return { end, segment: await openSegment(options, looked, end), etag: looked.etag, window };
}

/** Fence first: the newest segment listed, or a first one created. */
async function claimNewest(options: RecoverOptions): Promise<{ listed: number[]; claimed: ClaimedSegment }> {
  const { calls, settings } = options;
  for (let listing = 0; listing < MAX_LISTINGS; listing += 1) {
    const listed = await listSegments(options);
    const newest = listed.at(-1);
    if (newest === undefined) {
      if (options.stream.madeWithSegment === true) throw lost(options.stream, 'holds no segment any more');
      const claimed = await insist(calls, options, () => claimSegment(options, 0, settings.segmentBytes));
      return { listed, claimed };
    }
    try {
      return { listed, claimed: await insist(calls, options, () => fenceSegment(options, newest)) };
    } catch (error) {
      if (!isStorageError(error, 'not_found')) throw error;
      await pause(calls, 1);
    }
  }
  throw keepChanging(options.stream);
}

/**
 * Whether we would write under a version learnt when nothing of the log stood in the segment, or after that was seen: then
 * the segment may have been deleted and made again while we were slow, and only that it is (still) the newest rules it out.
 */
function mayBeGhost({ claimed, etag, last }: Looked): boolean {
  return last === undefined || etag !== claimed.etag;
}

function keepChanging({ name }: StreamRef): LogError {
  return new LogError('storage_unavailable', `the segments of ${name} keep changing`);
}

async function listSegments(options: RecoverOptions): Promise<number[]> {
  const { calls, stream } = options;
  return await insist(calls, options, async () => {
    try {
      return segmentPages(await timedRead(calls, (call) => calls.pages.listSegments(stream.container, call)));
    } catch (error) {
      if (!isStorageError(error, 'not_found')) throw error;
      throw lost(stream, 'is gone', error);
    }
  });
}

/** To begin such a stream anew would give offsets a second meaning, and hide from everybody that messages are lost. */
function lost({ container, name }: StreamRef, what: string, cause?: unknown): LogError {
  const why =
    `the container ${container} of the stream ${name} ${what}: the storage was rolled back or it was deleted; ` +
    'restore it (undelete the container or its blobs), or give up the stream by deleting its name document';
  return new LogError('damaged', why, { offset: 0 }, cause);
}

async function lookAtNext(options: RecoverOptions, firstPage: number): Promise<Looked> {
  const claim = (): Promise<ClaimedSegment> =>
    claimSegment(options, firstPage, options.settings.segmentBytes);
  return await look(options, await insist(options.calls, options, claim));
}

/** Look second: the last commit of a segment that nobody else can write to. What a torn write left is cleared. */
async function look(options: RecoverOptions, claimed: ClaimedSegment): Promise<Looked> {
  const { calls, stream } = options;
  const { firstPage, ref } = claimed;
  if (claimed.fresh) return { claimed, etag: claimed.etag, last: undefined, tail: undefined };
  let clearing = false;
  return await insist(calls, options, async () => {
    const endPage = await findWrittenEnd(calls, claimed);
    const tail = new TailWindow(calls, { ref, streamId: stream.streamId, firstPage, endPage });
    const { last, page } = await findLastCommit(tail);
    if (page < endPage) await requireTorn(calls, tail, page);
    // A clearing whose answer was lost has changed the version all the same.
    clearing ||= page < endPage;
    const etag = clearing
      ? await clearTorn(options, claimed, { fromPage: page, toPage: endPage })
      : claimed.etag;
    if (last !== undefined && last.epoch > options.leadership.epoch) {
      throw damagedAt(last.page, `a commit of epoch ${last.epoch}, which is to come`);
    }
    return { claimed, etag, last, tail };
  });
}

/** The newest segment is empty: the last commit closes the segment before it. That one is sealed; it is only read. */
async function lookBefore(options: RecoverOptions, segments: readonly number[]): Promise<Looked | undefined> {
  const endPage = segments.at(-1);
  const firstPage = segments.at(-2);
  invariant(endPage !== undefined, 'a claimed segment is always in the list');
  if (endPage === 0) return undefined;
  if (firstPage === undefined)
    throw damagedAt(endPage, 'the newest segment is empty and the one before it is gone');
  const { calls, stream } = options;
  const ref = segmentRef(stream, firstPage);
  const tail = new TailWindow(calls, { ref, streamId: stream.streamId, firstPage, endPage });
  const { last, page } = await insist(calls, options, () => findLastCommit(tail));
  if (last === undefined || page !== endPage || !last.lastInSegment) {
    throw damagedAt(page, 'a segment does not end where the next one starts');
  }
  const claimed = { ref, firstPage, sizeBytes: 0, etag: '', fresh: false };
  return { claimed, etag: '', last, tail };
}

async function rebuilt(
  options: RecoverOptions,
  segments: readonly number[],
  holder: Looked | undefined,
): Promise<ProducerWindow> {
  const { calls, settings, stream } = options;
  const last = holder?.last;
  if (last === undefined) return new ProducerWindow(settings);
  const place = { stream, segments, endPage: last.page + last.pages, tail: holder?.tail };
  return await insist(calls, options, () => rebuildWindow(calls, place, last, settings));
}

async function openSegment(options: RecoverOptions, looked: Looked, end: LogEnd): Promise<OpenSegment> {
  const { ref, firstPage, sizeBytes } = looked.claimed;
  const first = looked.last === undefined ? undefined : await firstCommit(options, looked.claimed);
  return { ref, firstPage, sizeBytes, firstNumber: first?.number ?? end.nextNumber };
}

async function firstCommit(
  options: RecoverOptions,
  { ref, firstPage }: ClaimedSegment,
): Promise<CommitHeader> {
  const { calls, stream } = options;
  const range = { offset: 0, length: PAGE_BYTES };
  const read = () => timedRead(calls, (call) => calls.pages.readRange(ref, range, call));
  const answer = await insist(calls, options, read);
  const bytes = answer.status === 'read' ? answer.bytes : new Uint8Array(COMMIT_HEADER_BYTES);
  try {
    return decodeCommitHeader(bytes, 0, { page: firstPage, streamId: stream.streamId });
  } catch (error) {
    if (error instanceof FramingError) throw damagedAt(firstPage, error.message, error);
    throw error;
  }
}
