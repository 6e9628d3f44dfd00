import { ChunkCache, isLogError, type LogErrorCode, openReader, type StreamReader } from '@message-vault/log';
import { azureStorage, isStorageError, type PageStore } from '@message-vault/storage';
import { number, parseMembers, string } from '../answers.ts';
import { ask } from '../ask.ts';
import { abortedError, VaultClientError, type VaultClientErrorCode } from '../errors.ts';
import type { ClientContext } from '../exchange.ts';
import type { ReadChunk } from './chunks.ts';
import { messagesOf } from './decode.ts';
import { type Place, startAtOffset } from './start.ts';

export interface DirectRequest {
  readonly stream: string;
  readonly place: Place;
  readonly maxBytes: number;
  readonly openPages: OpenPages | undefined;
  readonly giveUpAfterMs: number;
  readonly signal: AbortSignal;
}

/** Opens the pages of the container a SAS URL leads to. */
export type OpenPages = (containerSasUrl: string) => PageStore;

/** Read access to a stream's container, for a while. */
interface Grant {
  readonly streamId: string;
  readonly container: string;
  /** A secret. */
  readonly url: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

interface Opened {
  readonly reader: StreamReader;
  /** Milliseconds since 1970: when to ask for access anew. */
  readonly renewAt: number;
  close(): Promise<void>;
}

const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const CACHE_BYTES = 16 * 1024 * 1024;
/** Access is renewed this long before it ends: longer than a storage call takes. */
const RENEW_BEFORE_MS = 60_000;

/**
 * Reads from the storage itself, with the code the nodes read with. A node is asked for access only: it spends no more
 * on a replay of a terabyte than on one of a page. Ends at the tail.
 */
export async function* directChunks(
  context: ClientContext,
  request: DirectRequest,
): AsyncGenerator<ReadChunk, void, undefined> {
  const { maxBytes, signal } = request;
  let opened = await open(context, request);
  try {
    let next = await translating(signal, () => opened.reader.resolve(request.place, signal));
    for (;;) {
      if (context.runtime.now() >= opened.renewAt) {
        await opened.close();
        opened = await open(context, request);
      }
      const from = next;
      const read = await translating(signal, () => opened.reader.read({ from, maxBytes, signal }));
      const { includes } = startAtOffset(from);
      const { commits, nextOffset, upToDate } = read;
      yield { messages: { [Symbol.iterator]: () => messagesOf(commits, includes) }, nextOffset, upToDate };
      if (upToDate) return;
      next = nextOffset;
    }
  } finally {
    await opened.close();
  }
}

async function open(context: ClientContext, request: DirectRequest): Promise<Opened> {
  const { runtime } = context;
  const grant = await askAccess(context, request);
  const { pages, close } = openPages(grant.url, request.openPages);
  const reader = openReader({
    pages,
    runtime,
    stream: { name: request.stream, streamId: grant.streamId, container: grant.container },
    cache: new ChunkCache({ maxBytes: CACHE_BYTES }),
  });
  const halfway = (runtime.now() + grant.expires) / 2;
  return {
    reader,
    renewAt: Math.max(halfway, grant.expires - RENEW_BEFORE_MS),
    async close() {
      reader.close();
      await close();
    },
  };
}

function openPages(
  containerSasUrl: string,
  openOther: OpenPages | undefined,
): { pages: PageStore; close: () => Promise<void> } {
  if (openOther !== undefined) return { pages: openOther(containerSasUrl), close: () => Promise.resolve() };
  const storage = azureStorage({ containerSasUrl });
  return { pages: storage.pages, close: () => storage.close() };
}

function askAccess(context: ClientContext, request: DirectRequest): Promise<Grant> {
  const { stream, giveUpAfterMs, signal } = request;
  const question = {
    operation: `access ${stream}`,
    path: `/${stream}/-/access`,
    accept: 'application/json',
    maxResponseBytes: MAX_ANSWER_BYTES,
    stallTimeoutMs: context.attemptTimeoutMs,
    giveUpAfterMs,
    signal,
  };
  return ask(context, question, (response) => {
    const members = parseMembers(response);
    return {
      streamId: string(members, 'streamId'),
      container: string(members, 'container'),
      url: string(members, 'url'),
      expires: number(members, 'expires'),
    };
  });
}

const clientCodes: Partial<Record<LogErrorCode, VaultClientErrorCode>> = {
  offset_out_of_range: 'offset_out_of_range',
  damaged: 'damaged',
};

/** What reading from storage fails with, told in the client's own codes. */
async function translating<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (signal.aborted) throw abortedError(signal);
    if (isLogError(cause)) {
      const { earliestOffset, nextOffset } = cause.details;
      const code = clientCodes[cause.code] ?? 'unavailable';
      throw new VaultClientError(code, cause.message, { cause, earliestOffset, nextOffset });
    }
    if (!isStorageError(cause)) throw cause;
    const code = cause.code === 'unauthorized' ? 'unauthorized' : 'unavailable';
    throw new VaultClientError(code, cause.message, { cause });
  }
}
