import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  COMMIT_HEADER_BYTES,
  type CommitHeader,
  decodeBatchHeader,
  decodeCommitHeader,
  FramingError,
  PAGE_BYTES,
} from '@message-vault/framing';
import { damagedAt } from '../errors.ts';
import { storedBatches } from './answers.ts';
import type { Calls } from './calls.ts';
import { endAfter, follows } from './log-end.ts';
import { LogSpan, type SpanPlace } from './log-span.ts';
import { ProducerWindow } from './producer-window.ts';
import { checkpointLevel, type WriterSettings } from './settings.ts';

/** Small batches are read with what comes after them, large ones by their headers alone. */
const AHEAD_BYTES = 256 * 1024;
const SMALL_BATCH_BYTES = 64 * 1024;
const HEADERS_ONLY_BYTES = 1024;
/** Commits whose batch headers are fetched at the same time. */
const PARALLEL_COMMITS = 8;

/**
 * The dedupe window as it is behind `last`: the newest checkpoint, and every batch after it. At most `checkpointEvery`
 * commits are looked at, mostly from what recovery has read already, and of large batches only the headers.
 */
export async function rebuildWindow(
  calls: Calls,
  place: SpanPlace,
  last: CommitHeader,
  settings: WriterSettings,
): Promise<ProducerWindow> {
  const commits = await commitsSinceCheckpoint(calls, place, last, settings.checkpointEvery);
  const [first] = commits;
  if (first === undefined || first.checkpointBytes === 0) {
    throw damagedAt(
      first?.page ?? last.page,
      'the commit that must carry the producer checkpoint carries none',
    );
  }
  const window = await readCheckpoint(calls, place, first, settings);
  for (let at = 0; at < commits.length; at += PARALLEL_COMMITS) {
    const some = commits.slice(at, at + PARALLEL_COMMITS);
    const batches = await Promise.all(some.map((commit) => batchHeaders(calls, place, commit)));
    some.forEach((commit, index) => {
      window.apply(commit.timestamp, storedBatches(commit, batches[index] ?? []));
    });
  }
  return window;
}

/** Headers from the commit with the newest checkpoint to `last`. */
async function commitsSinceCheckpoint(
  calls: Calls,
  place: SpanPlace,
  last: CommitHeader,
  checkpointEvery: number,
): Promise<CommitHeader[]> {
  const skip = last.skips[checkpointLevel(checkpointEvery)];
  let page = last.number % checkpointEvery === 0 ? last.page : (skip ?? -1);
  if (page < 0) throw damagedAt(last.page, 'the last commit does not lead to a producer checkpoint');
  const span = new LogSpan(calls, place);
  const commits: CommitHeader[] = [];
  while (page <= last.page && commits.length < checkpointEvery) {
    const before = commits.at(-1);
    const ahead =
      before === undefined || before.byteLength < SMALL_BATCH_BYTES ? AHEAD_BYTES : HEADERS_ONLY_BYTES;
    const bytes = await span.bytes(page * PAGE_BYTES, COMMIT_HEADER_BYTES, ahead);
    const header = decoded(page, () =>
      decodeCommitHeader(bytes, 0, { page, streamId: place.stream.streamId }),
    );
    if (before !== undefined && !follows(endAfter(before), header)) {
      throw damagedAt(page, 'a commit does not follow the one before it');
    }
    commits.push(header);
    page += header.pages;
  }
  if (commits.at(-1)?.page !== last.page)
    throw damagedAt(last.page, 'the way to the last commit does not add up');
  return commits;
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
