import { MAX_COMMIT_BYTES, PAGE_BYTES } from '@message-vault/framing';
import { type Calls, timedRead } from './calls.ts';
import type { ClaimedSegment } from './segment.ts';

/** Below this many pages the rest is asked for in one call: at most 2,048 ranges, which Azurite never merges. */
const ONE_CALL_PAGES = 2048;
/** A write that was torn reaches at most one commit behind the end; twice that is looked at. */
const BEYOND_PAGES = (2 * MAX_COMMIT_BYTES) / PAGE_BYTES;
const GROWTH = 16;

/**
 * The absolute page behind the last written one; the segment's first page when nothing is written in it.
 *
 * Every page before the log's end is written, so "is it written?" is true up to somewhere at or behind the end and can be
 * searched: exponentially, then by halving, each question one page. Behind a torn write there may be gaps; the last
 * question covers all it can have reached.
 */
export async function findWrittenEnd(calls: Calls, segment: ClaimedSegment): Promise<number> {
  const total = segment.sizeBytes / PAGE_BYTES;
  let { written, unwritten } = await gallop(calls, segment, total);
  while (unwritten - written > ONE_CALL_PAGES) {
    const middle = Math.floor((written + unwritten) / 2);
    if (await isWritten(calls, segment, middle)) written = middle;
    else unwritten = middle;
  }
  const from = Math.max(0, written);
  const range = {
    offset: from * PAGE_BYTES,
    length: (Math.min(total, unwritten + BEYOND_PAGES) - from) * PAGE_BYTES,
  };
  const ranges = await timedRead(calls, (options) => calls.pages.writtenRanges(segment.ref, range, options));
  const last = ranges.at(-1);
  const pages = last === undefined ? from : (last.offset + last.length) / PAGE_BYTES;
  return segment.firstPage + pages;
}

/** A page known to be written (-1 for none) and a later one known not to be (or the segment's end). */
async function gallop(
  calls: Calls,
  segment: ClaimedSegment,
  total: number,
): Promise<{ written: number; unwritten: number }> {
  let written = -1;
  for (let probe = 0; probe < total; probe = (probe + 1) * GROWTH - 1) {
    if (!(await isWritten(calls, segment, probe))) return { written, unwritten: probe };
    written = probe;
  }
  return { written, unwritten: total };
}

async function isWritten(calls: Calls, segment: ClaimedSegment, page: number): Promise<boolean> {
  const range = { offset: page * PAGE_BYTES, length: PAGE_BYTES };
  const ranges = await timedRead(calls, (options) => calls.pages.writtenRanges(segment.ref, range, options));
  return ranges.length > 0;
}
