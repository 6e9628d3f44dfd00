import { decodeBatchHeader, decodeOffset, encodeOffset } from '@message-vault/framing';
import { iterateMessages, type ReadMessage, type StoredCommit, type StreamReader } from '@message-vault/log';
import { type HeldStep, readStep } from './held-step.ts';
import type { ReadBudget } from './read-budget.ts';
import { endOfCommit } from './render.ts';

export interface RangeRequest {
  readonly from: number;
  /** Messages at most. */
  readonly limit: number;
  /** Bytes of records at most, uncompressed; the first message is given whatever its size. */
  readonly maxBytes: number;
  /** Fetched at a time. */
  readonly stepBytes: number;
  /** False when a look at the tail has just been made on the request's behalf. */
  readonly fresh?: boolean;
  /** Commits are given whole or not at all: their stored bytes count, and the first is given whatever its size. */
  readonly wholeCommits: boolean;
  readonly budget: ReadBudget;
  readonly signal: AbortSignal;
}

/** What an answer will consist of, known before its first byte goes out. */
export interface MessageRange {
  readonly from: number;
  readonly nextOffset: number;
  readonly messages: number;
  /** Stored bytes of the commits touched. */
  readonly storedBytes: number;
  /** True when there was nothing behind it. */
  readonly upToDate: boolean;
  /** The only step of a short answer, so that it needs no second read: the caller's, to let go of, from now on. */
  takeFirst(): HeldStep | undefined;
}

interface Taken {
  messages: number;
  bytes: number;
  nextOffset: number;
  /** Nothing behind this may be taken any more. */
  full: boolean;
}

/** First read of a stream: enough for most small answers. A message is taken to have about 1 KiB. */
const FIRST_STEP_BYTES = 256 * 1024;
const TYPICAL_MESSAGE_BYTES = 1024;

/** Finds how far an answer reaches, holding a step at a time, and keeps that of an answer for which one is enough. */
export async function findRange(reader: StreamReader, request: RangeRequest): Promise<MessageRange> {
  const { signal, stepBytes, budget } = request;
  const taken: Taken = { messages: 0, bytes: 0, nextOffset: request.from, full: false };
  let maxBytes = Math.max(FIRST_STEP_BYTES, request.limit * TYPICAL_MESSAGE_BYTES);
  let storedBytes = 0;
  let steps = 0;
  for (;;) {
    maxBytes = Math.min(maxBytes, stepBytes, request.maxBytes);
    const fresh = steps > 0 || request.fresh !== false;
    const step = await readStep(budget, reader, { from: taken.nextOffset, maxBytes, fresh, signal });
    steps += 1;
    if (step.commits.length === 0) taken.nextOffset = step.nextOffset;
    storedBytes += takeStep(step, taken, request);
    const { messages, nextOffset } = taken;
    const upToDate = step.upToDate && nextOffset === step.nextOffset;
    if (taken.full || step.upToDate || step.commits.length === 0 || isPlenty(taken, request)) {
      const takeFirst = kept(steps === 1 && messages > 0 ? step : undefined);
      if (steps > 1 || messages === 0) step.release();
      return { from: request.from, nextOffset, messages, storedBytes, upToDate, takeFirst };
    }
    step.release();
    maxBytes = stepBytes;
  }
}

/** Given once: whoever has it lets go of it, and nobody else keeps it alive. */
function kept(step: HeldStep | undefined): () => HeldStep | undefined {
  let left = step;
  return () => {
    const given = left;
    left = undefined;
    return given;
  };
}

/** Whole commits that make up most of what was asked for: another step would be read for a commit that does not fit. */
function isPlenty(taken: Taken, request: RangeRequest): boolean {
  return request.wholeCommits && taken.bytes > request.maxBytes / 2;
}

/** The stored bytes of the commits that something was taken of. */
function takeStep(step: HeldStep, taken: Taken, request: RangeRequest): number {
  let storedBytes = 0;
  try {
    for (const commit of step.commits) {
      const before = taken.nextOffset;
      if (!taken.full) take(commit, taken, request);
      if (taken.nextOffset !== before) storedBytes += commit.header.byteLength;
    }
  } catch (error) {
    step.release();
    throw error;
  }
  return storedBytes;
}

function take(commit: StoredCommit, taken: Taken, request: RangeRequest): void {
  if (request.wholeCommits) takeWhole(commit, taken, request);
  else takeMessages(commit, taken, request);
  if (taken.messages >= request.limit || taken.bytes >= request.maxBytes) taken.full = true;
}

function takeWhole(commit: StoredCommit, taken: Taken, request: RangeRequest): void {
  const bytes = commit.header.byteLength;
  if (taken.bytes > 0 && taken.bytes + bytes > request.maxBytes) {
    taken.full = true;
    return;
  }
  taken.bytes += bytes;
  taken.messages += commit.header.messageCount - indexIn(commit, taken.nextOffset);
  taken.nextOffset = endOfCommit(commit);
}

function takeMessages(commit: StoredCommit, taken: Taken, request: RangeRequest): void {
  const index = indexIn(commit, taken.nextOffset);
  const there = commit.header.messageCount - index;
  const bytes = recordsBytes(commit);
  const fits = taken.bytes + bytes <= request.maxBytes;
  const wanted = Math.min(there, request.limit - taken.messages);
  const count = fits ? wanted : countWithin(commit, taken, request, wanted);
  taken.messages += count;
  taken.bytes += fits ? bytes : request.maxBytes;
  if (count === there) taken.nextOffset = endOfCommit(commit);
  else {
    taken.nextOffset = encodeOffset(commit.header.page, index + count);
    taken.full = true;
  }
}

/** How many messages of a commit too big for the bytes left still fit. */
function countWithin(commit: StoredCommit, taken: Taken, request: RangeRequest, wanted: number): number {
  let left = request.maxBytes - taken.bytes;
  let count = 0;
  for (const message of iterateMessages([commit], taken.nextOffset)) {
    left -= messageBytes(message);
    const isFirstOfAll = taken.messages + count === 0;
    if (count >= wanted || (left < 0 && !isFirstOfAll)) break;
    count += 1;
  }
  return count;
}

function messageBytes({ key, value, headers }: ReadMessage): number {
  const headerBytes = headers.reduce((sum, [name, text]) => sum + name.length + text.length, 0);
  return value.byteLength + (key?.length ?? 0) + headerBytes;
}

function recordsBytes(commit: StoredCommit): number {
  return commit.batches.reduce((sum, batch) => sum + decodeBatchHeader(batch).recordsBytes, 0);
}

/** How many messages of the commit lie before `offset`. */
function indexIn(commit: StoredCommit, offset: number): number {
  const { page, index } = decodeOffset(offset);
  return page === commit.header.page ? Math.min(index, commit.header.messageCount) : 0;
}
