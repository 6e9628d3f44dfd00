import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  COMMIT_HEADER_BYTES,
  type CommitHeader,
  decodeBatchHeader,
  decodeCommitHeader,
  FramingError,
  NO_PAGE,
  PAGE_BYTES,
} from '@message-vault/framing';
import { damagedAt } from '../errors.ts';
import { storedBatches } from './answers.ts';
import type { Calls } from './calls.ts';
import { endAfter, follows } from './log-end.ts';
import { LogSpan, type SpanPlace } from './log-span.ts';
import { ProducerWindow } from './producer-window.ts';
import { CHECKPOINT_DISTANCES, type WriterSettings } from './settings.ts';

/** Small batches are read with what comes after them, large ones by their headers alone. */
const AHEAD_BYTES = 256 * 1024;
const SMALL_BATCH_BYTES = 64 * 1024;
const HEADERS_ONLY_BYTES = 1024;
/** Commits whose batch headers are fetched at the same time. */
const PARALLEL_COMMITS = 8;
/** The skip pointer to the latest earlier commit that carries a checkpoint under one of the settings there can be. */
const CLOSEST_LEVEL = 1;
/** The most commits from one checkpoint to the next, whatever the settings were. */
const MAX_SINCE_CHECKPOINT = Math.max(...CHECKPOINT_DISTANCES);

/**
 * The dedupe window as it is behind `last`: the newest checkpoint, and every batch after it. At most as many
 * commits are looked at as lie between two checkpoints, mostly from what recovery has read already, and of large batches only the headers.
 */
export async function rebuildWindow(
  calls: Calls,
  place: SpanPlace,
  last: CommitHeader,
  settings: WriterSettings,
): Promise<ProducerWindow> {
  const newest = await newestCheckpoint(calls, place, last);
  const commits = await commitsSince(calls, place, newest, last);
  const window = await readCheckpoint(calls, place, newest, settings);
  for (let at = 0; at < commits.length; at += PARALLEL_COMMITS) {
    const some = commits.slice(at, at + PARALLEL_COMMITS);
    const batches = await Promise.all(some.map((commit) => batchHeaders(calls, place, commit)));
    some.forEach((commit, index) => {
      window.apply(commit.timestamp, storedBatches(commit, batches[index] ?? []));
    });
  }
  return window;
}

/**
 * The newest commit with a checkpoint. Which commits carry one is not asked of the settings: an earlier leader may have
 * had others. Every commit that may carry one is on the way of CLOSEST_LEVEL, and of MAX_SINCE_CHECKPOINT
 * commits in a row one carries it under all of them: that bounds the way back.
 */
async function newestCheckpoint(calls: Calls, place: SpanPlace, last: CommitHeader): Promise<CommitHeader> {
  const span = new LogSpan(calls, place);
  let header = last;
  while (header.checkpointBytes === 0) {
    const page = header.skips[CLOSEST_LEVEL] ?? NO_PAGE;
    if (page === NO_PAGE || header.page <= page || header.number % MAX_SINCE_CHECKPOINT === 0) {
      throw damagedAt(header.page, 'the log does not lead to a producer checkpoint');
    }
    header = await headerAt(span, place, page, HEADERS_ONLY_BYTES);
  }
  return header;
}

/** Headers from `first` to `last`. */
async function commitsSince(
  calls: Calls,
  place: SpanPlace,
  first: CommitHeader,
  last: CommitHeader,
): Promise<CommitHeader[]> {
  const span = new LogSpan(calls, place);
  const commits = [first];
  let before = first;
  while (before.page < last.page && commits.length < MAX_SINCE_CHECKPOINT) {
    const ahead = before.byteLength < SMALL_BATCH_BYTES ? AHEAD_BYTES : HEADERS_ONLY_BYTES;
    const header = await headerAt(span, place, before.page + before.pages, ahead);
    if (!follows(endAfter(before), header)) {
      throw damagedAt(header.page, 'a commit does not follow the one before it');
    }
    commits.push(header);
    before = header;
  }
  if (before.page !== last.page) throw damagedAt(last.page, 'the way to the last commit does not add up');
  return commits;
}

async function headerAt(
  span: LogSpan,
  { stream }: SpanPlace,
  page: number,
  aheadBytes: number,
): Promise<CommitHeader> {
  const bytes = await span.bytes(page * PAGE_BYTES, COMMIT_HEADER_BYTES, aheadBytes);
  return decoded(page, () => decodeCommitHeader(bytes, 0, { page, streamId: stream.streamId }));
}

async function readCheckpoint(
  calls: Calls,
  place: SpanPlace,
  commit: CommitHeader,
  settings: WriterSettings,
): Promise<ProducerWindow> {
  const start = commit.page * PAGE_BYTES + COMMIT_HEADER_BYTES + commit.bodyBytes - commit.checkpointBytes;
  const bytes = await new LogSpan(calls, place).bytes(start, commit.checkpointBytes, 0);
  return decoded(commit.page, () =>
    ProducerWindow.decode(bytes.subarray(0, commit.checkpointBytes), settings),
  );
}

async function batchHeaders(calls: Calls, place: SpanPlace, commit: CommitHeader): Promise<BatchHeader[]> {
  const span = new LogSpan(calls, place);
  const start = commit.page * PAGE_BYTES + COMMIT_HEADER_BYTES;
  const end = start + commit.bodyBytes - commit.checkpointBytes;
  const batches: BatchHeader[] = [];
  for (let at = start; at < end; ) {
    const average =
      batches.length === 0
        ? commit.bodyBytes / Math.max(1, commit.batchCount)
        : (at - start) / batches.length;
    const ahead = Math.min(end - at, average < SMALL_BATCH_BYTES ? AHEAD_BYTES : HEADERS_ONLY_BYTES);
    const bytes = await span.bytes(at, Math.min(BATCH_HEADER_BYTES, end - at), ahead);
    const header = decoded(commit.page, () => decodeBatchHeader(bytes));
    batches.push(header);
    at += header.byteLength;
  }
  if (batches.length !== commit.batchCount)
    throw damagedAt(commit.page, 'a commit holds more or fewer batches than it says');
  return batches;
}

function decoded<T>(page: number, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof FramingError) throw damagedAt(page, error.message, error);
    throw error;
  }
}
