import { MAX_PAGE, PAGE_BYTES } from '@message-vault/framing';
import { invariant } from '@message-vault/runtime';
import type { ETag, SegmentRef } from '@message-vault/storage';

/** Which stream, and where it is stored. */
export interface StreamRef {
  readonly name: string;
  /** UUID in every commit header: bytes of another stream are never taken for this one's. */
  readonly streamId: string;
  /** The container that holds this stream's segments and nothing else. */
  readonly container: string;
  /**
   * True when the first segment was made before the stream's name was written down (see createStream): a container
   * without segments then means that they were lost. Otherwise the first leader to open the stream makes the first one.
   */
  readonly madeWithSegment?: boolean | undefined;
}

/** Where a stream ends. */
export interface Tail {
  /** Absolute page at which the next commit starts. */
  readonly page: number;
  /** The offset the next message will have. */
  readonly offset: number;
  readonly nextSequenceNumber: number;
  /** Milliseconds since 1970: timestamp of the last commit, 0 when there is none. */
  readonly timestamp: number;
}

/** A commit at the moment its write was answered. */
export interface LandedCommit {
  /** As stored; good until whoever is given them returns. */
  readonly bytes: Uint8Array;
  /** The version of its segment that it was written to, and the one that this made: at it, nothing is behind the commit. */
  readonly versionBefore: ETag;
  readonly version: ETag;
}

const NAME_DIGITS = 16;
const NAME_PATTERN = /^\d{16}$/;

/** Name of the segment whose first page is the absolute page `firstPage`: 16 decimal digits, so that names sort as pages do. */
export function segmentName(firstPage: number): string {
  invariant(isPage(firstPage), `a segment starts at a page from 0 to ${MAX_PAGE}, not ${firstPage}`);
  return String(firstPage).padStart(NAME_DIGITS, '0');
}

/** The first absolute page of the segment called `name`; undefined when that is no segment's name. */
export function segmentFirstPage(name: string): number | undefined {
  if (!NAME_PATTERN.test(name)) return undefined;
  const page = Number(name);
  return isPage(page) ? page : undefined;
}

export function segmentRef(stream: StreamRef, firstPage: number): SegmentRef {
  return { container: stream.container, segment: segmentName(firstPage) };
}

/** First pages of the segments in a container's listing, ascending. Blobs that are not segments are passed over. */
export function segmentPages(names: readonly string[]): number[] {
  const pages: number[] = [];
  for (const name of names) {
    const page = segmentFirstPage(name);
    if (page !== undefined) pages.push(page);
  }
  return pages.sort((a, b) => a - b);
}

/** Byte position of the absolute `page` within the segment that starts at `firstPage`. */
export function byteInSegment(firstPage: number, page: number): number {
  invariant(page >= firstPage, `page ${page} lies before its segment, which starts at page ${firstPage}`);
  return (page - firstPage) * PAGE_BYTES;
}

function isPage(page: number): boolean {
  return Number.isSafeInteger(page) && page >= 0 && page <= MAX_PAGE;
}
