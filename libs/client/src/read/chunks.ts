import { MAX_COMMIT_BYTES } from '@message-vault/framing';
import { badAnswer } from '../answers.ts';
import { ask, pause, type Question } from '../ask.ts';
import type { VaultClientError } from '../errors.ts';
import type { ClientContext } from '../exchange.ts';
import type { VaultMessage } from '../messages.ts';
import type { TransportResponse } from '../transport.ts';
import { decodeCommits, messagesOf } from './decode.ts';
import { type Start, startAtOffset } from './start.ts';

/** Some consecutive messages of a stream. */
export interface ReadChunk {
  /** Decoded as they are asked for. */
  readonly messages: Iterable<VaultMessage>;
  /** Where the next chunk begins. */
  readonly nextOffset: number;
  /** True when there was nothing behind it at the time. */
  readonly upToDate: boolean;
}

export interface ChunkRequest {
  readonly stream: string;
  readonly start: Start;
  /** Stored bytes to ask for at a time; a chunk has at least one commit. */
  readonly maxBytes: number;
  /** At most so many messages are wanted of the first chunk: saves sending more. */
  readonly limit?: number | undefined;
  /** At the tail: how long a node waits for news before it is asked again, for ever. 0: end there. */
  readonly waitSeconds: number;
  /** Until the first answer, and between two: how long all nodes may fail. */
  readonly giveUpAfterMs: { readonly first: number; readonly later: number };
  readonly signal: AbortSignal;
}

/** Whether it is the first request of a read. */
type Turn = 'first' | 'later';

/** Beyond the time it was asked to wait, a node that keeps silent this long is given up. */
const WAIT_GRACE_MS = 3000;
/** An answer without news that came sooner than this was not waited for; the next question comes after a pause. */
const HASTY_MS = 500;
const PAUSE_MS = 50;
/** In one answer; its bytes are bounded besides. */
const MAX_MESSAGES = 1_000_000;

/**
 * Reads on from `start`, chunk by chunk, whatever happens to single nodes: a chunk is only handed out when it arrived
 * whole, and the next one is asked for exactly behind it, from whichever node answers. While a chunk is being
 * consumed the next one is on its way already: never more than two are held.
 */
export async function* readChunks(
  context: ClientContext,
  request: ChunkRequest,
): AsyncGenerator<ReadChunk, void, undefined> {
  const prefetch = new AbortController();
  const signal = AbortSignal.any([request.signal, prefetch.signal]);
  try {
    let next: Promise<ReadChunk> | undefined = fetchChunk(
      context,
      { ...request, signal },
      request.start,
      'first',
    );
    while (next !== undefined) {
      const chunk: ReadChunk = await next;
      const goOn: boolean = request.waitSeconds > 0 || !chunk.upToDate;
      next = goOn
        ? fetchChunk(context, { ...request, signal }, startAtOffset(chunk.nextOffset), 'later')
        : undefined;
      // It may fail while the consumer is busy; it is told when it asks for more.
      next?.catch(() => {});
      yield chunk;
    }
  } finally {
    prefetch.abort();
  }
}

async function fetchChunk(
  context: ClientContext,
  request: ChunkRequest,
  start: Start,
  turn: Turn,
): Promise<ReadChunk> {
  const { runtime } = context;
  const askedAt = runtime.monotonic();
  const question = chunkQuestion(context, request, start, turn);
  const chunk = await ask(context, question, (response) => toChunk(response, start));
  const isNews = turn === 'first' || request.waitSeconds === 0 || chunk.nextOffset !== Number(start.from);
  // A node that is being stopped lets go of who waits: it must not be asked as fast as it answers.
  if (!isNews && runtime.monotonic() - askedAt < HASTY_MS) await pause(context, PAUSE_MS, request.signal);
  return chunk;
}

function chunkQuestion(context: ClientContext, request: ChunkRequest, start: Start, turn: Turn): Question {
  const { attemptTimeoutMs } = context;
  // The first answer says where we are: it is not kept waiting.
  const waitSeconds = turn === 'first' ? 0 : request.waitSeconds;
  const waitTimeoutMs = waitSeconds * 1000 + Math.min(WAIT_GRACE_MS, attemptTimeoutMs);
  return {
    operation: `read ${request.stream}`,
    path: `/${request.stream}?${chunkQuery(request, start, turn, waitSeconds)}`,
    accept: 'application/vnd.message-vault.commits',
    maxResponseBytes: request.maxBytes + MAX_COMMIT_BYTES,
    stallTimeoutMs: waitSeconds === 0 ? attemptTimeoutMs : waitTimeoutMs,
    giveUpAfterMs: request.giveUpAfterMs[turn],
    signal: request.signal,
    mayPass: (error) => isOutdated(error, request, start, turn),
  };
}

/** What is known to be there, a node that says there is nothing yet has not looked for lately. */
function isOutdated(error: VaultClientError, request: ChunkRequest, start: Start, turn: Turn): boolean {
  const { code, nextOffset = Number.POSITIVE_INFINITY } = error;
  // A tail begins only when the stream has been seen.
  if (code === 'not_found') return turn === 'later' || request.waitSeconds > 0;
  return turn === 'later' && code === 'offset_out_of_range' && nextOffset < Number(start.from);
}

function chunkQuery(request: ChunkRequest, start: Start, turn: Turn, waitSeconds: number): URLSearchParams {
  const query = new URLSearchParams({ from: start.from, maxBytes: String(request.maxBytes) });
  const limit = turn === 'first' ? request.limit : undefined;
  // Bytes are what bounds an answer; a node would otherwise bound the messages by a number of its own.
  query.set('limit', String(limit === undefined ? MAX_MESSAGES : Math.max(1, Math.min(limit, MAX_MESSAGES))));
  if (waitSeconds > 0) query.set('wait', String(waitSeconds));
  return query;
}

function toChunk(response: TransportResponse, start: Start): ReadChunk {
  const nextOffset = Number(response.headers['next-offset'] || Number.NaN);
  if (!Number.isSafeInteger(nextOffset)) throw badAnswer('the header Next-Offset is missing', response);
  const commits = decodeCommits(response.body);
  return {
    messages: { [Symbol.iterator]: () => messagesOf(commits, start.includes) },
    nextOffset,
    upToDate: commits.length === 0 || response.headers['up-to-date'] === 'true',
  };
}
