import {
  COMMIT_HEADER_BYTES,
  type CommitHeader,
  decodeCommit,
  decodeCommitHeader,
  decodeOffset,
  encodeOffset,
  FramingError,
  MAX_PAGE,
  PAGE_BYTES,
} from '@message-vault/framing';
import { isStorageError, type PageStore } from '@message-vault/storage';
import { byteInSegment, type StreamRef, segmentName, segmentPages, segmentRef } from './stream.ts';
import { isUnwritten } from './unwritten.ts';

/** How long and how much is kept. Without either nothing is ever deleted. */
export interface RetentionPolicy {
  /** Messages older than this may be deleted: by their timestamps, and by the storage's clock as well. */
  readonly retentionAgeMs?: number | undefined;
  /** Segments may be deleted that have at least this many bytes behind them. */
  readonly retentionBytes?: number | undefined;
}

export interface RetentionOptions {
  readonly pages: PageStore;
  readonly stream: StreamRef;
  readonly policy: RetentionPolicy;
  /** An offset: it and what comes after it is kept, whatever the policy says. */
  readonly keepFrom?: number | undefined;
  /** Wall clock, milliseconds. */
  readonly nowMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The most commits walked to find a producer checkpoint: the widest distance between two. */
const MAX_WALKED = 512;

/**
 * Deletes whole segments, oldest first, as far as the policy allows. What a next leader needs to go on is always kept: the
 * newest segment, the last commit and everything from the newest producer checkpoint on. Empty segments before the oldest
 * message (deleted before, and made again by a delayed request) go in any case. Answers the names of the segments
 * deleted. Errors: StorageError; what was deleted by then stays deleted.
 */
export async function applyRetention(options: RetentionOptions): Promise<string[]> {
  const { pages, policy, stream, signal } = options;
  if (policy.retentionAgeMs === undefined && policy.retentionBytes === undefined) return [];
  const segments = segmentPages(await pages.listSegments(stream.container, { signal }));
  const needed = await neededFrom(options, segments);
  const keptPage = decodeOffset(options.keepFrom ?? encodeOffset(MAX_PAGE, 0)).page;
  const deleted: string[] = [];
  for (const [index, firstPage] of segments.entries()) {
    const next = segments[index + 1];
    if (next === undefined || firstPage >= needed || next > keptPage) break;
    if (!(await isSpent(options, segments, { firstPage, next })) && !(await isGhost(options, firstPage)))
      break;
    await pages.deleteSegment(segmentRef(stream, firstPage), { signal });
    deleted.push(segmentName(firstPage));
  }
  return deleted;
}

/** First page of the newest segment with a producer checkpoint in it: from there on everything is kept. */
async function neededFrom(options: RetentionOptions, segments: readonly number[]): Promise<number> {
  for (const firstPage of segments.toReversed()) {
    if (await holdsCheckpoint(options, firstPage)) return firstPage;
  }
  return 0;
}

async function holdsCheckpoint(options: RetentionOptions, firstPage: number): Promise<boolean> {
  let page = firstPage;
  for (let walked = 0; walked < MAX_WALKED; walked += 1) {
    const header = await headerAt(options, firstPage, page);
    if (header === undefined) return false;
    if (header.checkpointBytes > 0) return await isWhole(options, firstPage, header);
    page += header.pages;
  }
  return false;
}

/** Whether all of the commit is there: the next leader clears one that was torn while it was written, and its checkpoint with it. */
async function isWhole(
  { pages, stream, signal }: RetentionOptions,
  firstPage: number,
  { page, byteLength }: CommitHeader,
): Promise<boolean> {
  const range = { offset: byteInSegment(firstPage, page), length: byteLength };
  try {
    const answer = await pages.readRange(segmentRef(stream, firstPage), range, { signal });
    if (answer.status !== 'read') return false;
    decodeCommit(answer.bytes, 0, { page, streamId: stream.streamId });
    return true;
  } catch (error) {
    if (error instanceof FramingError || isStorageError(error, 'not_found')) return false;
    throw error;
  }
}

/** Whether the policy lets go of the segment that starts at `firstPage`, before the one that starts at `next`. */
async function isSpent(
  options: RetentionOptions,
  segments: readonly number[],
  { firstPage, next }: { firstPage: number; next: number },
): Promise<boolean> {
  const { policy, nowMs } = options;
  const newest = segments.at(-1) ?? next;
  if (policy.retentionBytes !== undefined && (newest - next) * PAGE_BYTES >= policy.retentionBytes)
    return true;
  if (policy.retentionAgeMs === undefined) return false;
  // Timestamps never decrease: the first of the next segment is not below any of this one.
  const header = await headerAt(options, next, next);
  if (header === undefined || header.timestamp >= nowMs - policy.retentionAgeMs) return false;
  return await isUnchangedFor(options, firstPage, policy.retentionAgeMs);
}

/**
 * Whether the storage's own clock, too, says that the segment is so old. The wall clock of one node may be years ahead, and
 * nothing it makes it delete comes back.
 */
async function isUnchangedFor(
  { pages, stream, signal }: RetentionOptions,
  firstPage: number,
  ageMs: number,
): Promise<boolean> {
  try {
    return (await pages.segmentProperties(segmentRef(stream, firstPage), { signal })).unchangedMs >= ageMs;
  } catch (error) {
    // Retention of another leader has been here.
    if (isStorageError(error, 'not_found')) return false;
    throw error;
  }
}

async function isGhost({ pages, stream, signal }: RetentionOptions, firstPage: number): Promise<boolean> {
  try {
    return await isUnwritten(pages, segmentRef(stream, firstPage), { signal });
  } catch (error) {
    if (isStorageError(error, 'not_found')) return false;
    throw error;
  }
}

/** The header of the commit at `page`; undefined when there is none (yet) or its segment is gone. */
async function headerAt(
  { pages, stream, signal }: RetentionOptions,
  firstPage: number,
  page: number,
): Promise<CommitHeader | undefined> {
  const range = { offset: byteInSegment(firstPage, page), length: COMMIT_HEADER_BYTES };
  try {
    const answer = await pages.readRange(segmentRef(stream, firstPage), range, { signal });
    if (answer.status !== 'read') return undefined;
    return decodeCommitHeader(answer.bytes, 0, { page, streamId: stream.streamId });
  } catch (error) {
    if (error instanceof FramingError || isStorageError(error, 'not_found')) return undefined;
    throw error;
  }
}
