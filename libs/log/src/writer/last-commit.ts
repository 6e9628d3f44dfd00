import {
  type CommitHeader,
  decodeCommitHeader,
  FramingError,
  MAX_COMMIT_BYTES,
  PAGE_BYTES,
} from '@message-vault/framing';
import type { ByteRange } from '@message-vault/storage';
import { damagedAt } from '../errors.ts';
import { type Calls, timedRead } from './calls.ts';
import { endAfter, follows } from './log-end.ts';
import type { TailWindow } from './tail-window.ts';

/**
 * How far back commits must adjoin before the last one is believed. Bytes that look like commits can be hidden in a
 * batch; a chain of them can't leave the commit they are hidden in without a gap, unless one spans the torn, hence
 * foreseeable, header of the next. Two whole commits are more than such a chain can cover.
 */
const BELIEVED_BYTES = 2 * MAX_COMMIT_BYTES;
/** A damaged commit within the believed distance spoils the chains of all that come after it; go back past it. */
const SCANNED_PAGES = (BELIEVED_BYTES + MAX_COMMIT_BYTES) / PAGE_BYTES;
const MAX_TORN_PAGES = MAX_COMMIT_BYTES / PAGE_BYTES;

/** What stands at the end of a segment. */
export interface SegmentEnd {
  /** Undefined when the segment holds no whole commit. */
  readonly last: CommitHeader | undefined;
  /** The page behind it, absolute. */
  readonly page: number;
}

/** The last commit that can be believed at or before the window's end. Throws LogError `damaged` when there is none. */
export async function findLastCommit(window: TailWindow): Promise<SegmentEnd> {
  const { firstPage, endPage } = window.place;
  const lowest = Math.max(firstPage, endPage - SCANNED_PAGES);
  const doubted = new Set<number>();
  for (let page = endPage; page > lowest; page -= 1) {
    const last = await window.commitEndingAt(page);
    if (last !== undefined && (await isBelieved(window, last, doubted))) return { last, page };
  }
  if (lowest === firstPage) return { last: undefined, page: firstPage };
  throw damagedAt(lowest, 'no good commit is found near the end of the log');
}

/**
 * Walks back over adjoining commits, far enough or to the segment's first page. Where a chain breaks, it breaks for every
 * commit on it: those are noted in `doubted` (by their pages), so that a long scan looks at each only once.
 */
async function isBelieved(window: TailWindow, last: CommitHeader, doubted: Set<number>): Promise<boolean> {
  const chain = [last.page];
  let header = last;
  let walked = header.byteLength;
  while (header.page > window.place.firstPage && walked <= BELIEVED_BYTES) {
    const before = await window.commitEndingAt(header.page);
    if (before === undefined || doubted.has(before.page) || !adjoin(before, header)) {
      for (const page of chain) doubted.add(page);
      return false;
    }
    header = before;
    chain.push(header.page);
    walked += header.byteLength;
  }
  return true;
}

function adjoin(before: CommitHeader, header: CommitHeader): boolean {
  return !before.lastInSegment && before.epoch <= header.epoch && follows(endAfter(before), header);
}

/**
 * What lies behind the last good commit is either a write that was cut short (it was never acknowledged and never read,
 * so it may be cleared) or damage to something that was whole. A page is written as a whole or not at all, so:
 *
 * | first page  | its header            | pages the header claims | verdict |
 * | ----------- | --------------------- | ----------------------- | ------- |
 * | not written | –                     | –                       | torn    |
 * | written     | not one of this place | –                       | damaged |
 * | written     | good                  | some missing            | torn    |
 * | written     | good                  | all there               | damaged |
 *
 * and whatever reaches further than one commit is no torn write. Throws LogError `damaged` naming the offset.
 */
export async function requireTorn(calls: Calls, window: TailWindow, page: number): Promise<void> {
  const { endPage, firstPage, ref, streamId } = window.place;
  if (endPage - page > MAX_TORN_PAGES)
    throw damagedAt(page, 'more is written behind the last good commit than one write can');
  const range = { offset: (page - firstPage) * PAGE_BYTES, length: (endPage - page) * PAGE_BYTES };
  const ranges = await timedRead(calls, (options) => calls.pages.writtenRanges(ref, range, options));
  if (!covers(ranges, { offset: range.offset, length: PAGE_BYTES })) return;
  const header = await headerAt(calls, window, page);
  const place = goodHeader(header, { page, streamId });
  if (place === undefined) throw damagedAt(page, 'a written page is not what any leader wrote there');
  if (covers(ranges, { offset: range.offset, length: place.byteLength })) {
    throw damagedAt(page, 'a commit is there in full length and does not match its checksums');
  }
}

async function headerAt(calls: Calls, window: TailWindow, page: number): Promise<Uint8Array> {
  const { firstPage, ref } = window.place;
  const range = { offset: (page - firstPage) * PAGE_BYTES, length: PAGE_BYTES };
  const answer = await timedRead(calls, (options) => calls.pages.readRange(ref, range, options));
  return answer.status === 'read' ? answer.bytes : new Uint8Array();
}

function goodHeader(
  bytes: Uint8Array,
  expected: { page: number; streamId: string },
): CommitHeader | undefined {
  try {
    return decodeCommitHeader(bytes, 0, expected);
  } catch (error) {
    if (error instanceof FramingError) return undefined;
    throw error;
  }
}

/** Whether every byte of `wanted` lies in one of the ascending, possibly adjoining `ranges`. */
function covers(ranges: readonly ByteRange[], wanted: ByteRange): boolean {
  let at = wanted.offset;
  for (const range of ranges) {
    if (range.offset > at) break;
    at = Math.max(at, range.offset + range.length);
  }
  return at >= wanted.offset + wanted.length;
}
