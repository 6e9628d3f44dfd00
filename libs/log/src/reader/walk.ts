import {
  COMMIT_HEADER_BYTES,
  type CommitHeader,
  decodeCommit,
  decodeCommitHeader,
  FramingError,
  isBlank,
  PAGE_BYTES,
} from '@message-vault/framing';
import { endAfter, follows } from '../writer/log-end.ts';
import type { StoredCommit } from './stored-commit.ts';

/** Why a walk went no further than it did. */
export type WalkStop =
  /** The bytes end where a commit does. */
  | { readonly kind: 'end' }
  /** The last commit is the last of its segment: the next segment starts at this page. */
  | { readonly kind: 'sealed' }
  /** A header of zeros: nothing is written here. */
  | { readonly kind: 'blank' }
  /** A good header, but the bytes end before the commit does. */
  | { readonly kind: 'partial'; readonly header: CommitHeader }
  /** No good commit. `header` when that much of it is good. */
  | { readonly kind: 'bad'; readonly header: CommitHeader | undefined; readonly cause: FramingError };

export interface Walk {
  readonly commits: StoredCommit[];
  /** Where it stopped: the page after the last commit. */
  readonly page: number;
  readonly stop: WalkStop;
}

/** Whole pages of one segment that begin with a commit or with the tail. */
export interface WalkInput {
  readonly bytes: Uint8Array;
  /** The absolute page of the first byte. */
  readonly page: number;
  readonly streamId: string;
  /** The commit that ends there, when it is known: what follows must follow from it. */
  readonly previous?: CommitHeader | undefined;
}

/** All commits from the first byte on, each checked in full. This is what "a commit exists" means to every reader. */
export function walkCommits({ bytes, page: start, streamId, previous }: WalkInput): Walk {
  const commits: StoredCommit[] = [];
  let at = 0;
  let page = start;
  let last = previous;
  for (;;) {
    if (at + COMMIT_HEADER_BYTES > bytes.byteLength) return { commits, page, stop: { kind: 'end' } };
    if (isBlank(bytes, at)) return { commits, page, stop: { kind: 'blank' } };
    const step = oneCommit(bytes, at, { page, streamId }, last);
    if ('kind' in step) return { commits, page, stop: step };
    commits.push(step);
    last = step.header;
    at += last.byteLength;
    page += last.pages;
    if (last.lastInSegment) return { commits, page, stop: { kind: 'sealed' } };
  }
}

function oneCommit(
  bytes: Uint8Array,
  at: number,
  expected: { page: number; streamId: string },
  previous: CommitHeader | undefined,
): StoredCommit | WalkStop {
  let header: CommitHeader | undefined;
  try {
    header = decodeCommitHeader(bytes, at, expected);
    requireFollows(header, previous);
    if (at + header.byteLength > bytes.byteLength) return { kind: 'partial', header };
    const { batches } = decodeCommit(bytes, at, expected);
    return { header, bytes: bytes.subarray(at, at + header.byteLength), batches };
  } catch (error) {
    if (error instanceof FramingError) return { kind: 'bad', header, cause: error };
    throw error;
  }
}

/** Refuses a commit that is good in itself but cannot come after `previous`: numbers, order and skip pointers say so. */
function requireFollows(header: CommitHeader, previous: CommitHeader | undefined): void {
  if (previous === undefined) return;
  if (follows(endAfter(previous), header) && header.epoch >= previous.epoch) return;
  const detail = `commit ${header.number} at page ${header.page} does not follow commit ${previous.number}`;
  throw new FramingError('wrong_place', 0, detail);
}

/** The header at `page` within pages that begin at `firstPage`; undefined when it is not there or not good. */
export function headerWithin(
  window: { bytes: Uint8Array; firstPage: number; streamId: string },
  page: number,
): CommitHeader | undefined {
  const at = (page - window.firstPage) * PAGE_BYTES;
  if (at < 0 || at + COMMIT_HEADER_BYTES > window.bytes.byteLength) return undefined;
  try {
    return decodeCommitHeader(window.bytes, at, { page, streamId: window.streamId });
  } catch (error) {
    if (error instanceof FramingError) return undefined;
    throw error;
  }
}
