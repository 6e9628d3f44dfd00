import { NameError, parseName, parseNamePrefix } from '@message-vault/metadata';
import { VaultClientError } from './errors.ts';
import type { ClientContext } from './exchange.ts';
import type { OutgoingMessage, VaultMessage } from './messages.ts';
import { NodeDirectory } from './nodes.ts';
import { type ClientOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import { processRuntime } from './process-runtime.ts';
import type { PublishResult } from './publish/call.ts';
import { Publisher, type PublishOptions } from './publish/publisher.ts';
import {
  askCluster,
  askHandover,
  askNames,
  askStats,
  type CallOptions,
  type ClusterInfo,
  type LeaderInfo,
  type NameEntry,
  type NamesOptions,
  type StreamStats,
} from './questions.ts';
import { type ReadChunk, readChunks } from './read/chunks.ts';
import { type DirectSource, openDirect } from './read/direct.ts';
import { type ReadFrom, startOf } from './read/start.ts';
import { undiciTransport } from './undici-transport.ts';

export interface ReadOptions extends CallOptions {
  /** Default `earliest`. */
  readonly from?: ReadFrom | undefined;
  /** End after so many messages. */
  readonly limit?: number | undefined;
  /** Stored bytes to fetch at a time; two such pieces are held. Default 4 MiB. */
  readonly maxBytes?: number | undefined;
}

export interface TailOptions extends ReadOptions {
  /** Default `latest`. */
  readonly from?: ReadFrom | undefined;
  /** How long a node keeps the request when there is no news. Default 10 s. */
  readonly waitMs?: number | undefined;
  /** After the first answer: how long all nodes may fail before the tail does. Default: for ever. */
  readonly giveUpAfterMs?: number | undefined;
}

const DEFAULT_CHUNK_BYTES = 4 * 1024 * 1024;
const DEFAULT_WAIT_MS = 10_000;
const MAX_CONNECTIONS_PER_NODE = 256;
const CONNECT_TIMEOUT_MS = 1000;

/** A client of a whole cluster. Make one and share it: it batches what is published through it. */
export function createClient(options: ClientOptions): VaultClient {
  return new VaultClient(options);
}

export class VaultClient {
  readonly #options: ClientOptions;
  readonly #settings: ResolvedOptions;
  readonly #context: ClientContext;
  readonly #publisher: Publisher;
  readonly #closing = new AbortController();

  constructor(options: ClientOptions) {
    const settings = resolveOptions(options);
    this.#options = options;
    this.#settings = settings;
    this.#context = contextOf(options, settings);
    this.#publisher = new Publisher(this.#context, {
      ...settings,
      lanes: settings.publishConnections,
      producer: options.producer,
    });
  }

  /**
   * Publishes and resolves once the messages are stored for good. Calls made at the same time share batches. Each
   * message is stored once, however often it had to be sent, and in the order of the calls. An array larger than a
   * batch is several batches. Don't change a Uint8Array before its call has ended.
   * Errors: VaultClientError, whose `outcome` says what is known of the messages.
   */
  publish(
    stream: string,
    messages: OutgoingMessage | readonly OutgoingMessage[],
    options: PublishOptions = {},
  ): Promise<PublishResult> {
    try {
      return this.#publisher.publish(checkedName(stream), messages, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The messages from `from` to where the tail is when it is reached. */
  read(stream: string, options: ReadOptions = {}): AsyncGenerator<VaultMessage, void, undefined> {
    return flatten(this.readChunks(stream, options), options.limit);
  }

  /** As `read`, a few MiB of messages at a time: for bulk, where awaiting every message would cost. Ignores `limit`'s rest. */
  readChunks(stream: string, options: ReadOptions = {}): AsyncGenerator<ReadChunk, void, undefined> {
    return this.#chunks(
      checkedName(stream),
      { ...options, from: options.from ?? 'earliest' },
      { waitMs: 0, giveUpLaterMs: this.#settings.giveUpAfterMs },
    );
  }

  /**
   * The messages from `from` on, and those to come, until the signal fires or the loop is left. Whatever becomes of
   * single nodes, it goes on where it was: no gap, no repeat.
   */
  tail(stream: string, options: TailOptions = {}): AsyncGenerator<VaultMessage, void, undefined> {
    return flatten(this.tailChunks(stream, options), options.limit);
  }

  /** As `tail`, as many messages at a time as have come. An empty chunk says that there is no news. */
  tailChunks(stream: string, options: TailOptions = {}): AsyncGenerator<ReadChunk, void, undefined> {
    return this.#chunks(
      checkedName(stream),
      { ...options, from: options.from ?? 'latest' },
      {
        waitMs: options.waitMs ?? DEFAULT_WAIT_MS,
        giveUpLaterMs: options.giveUpAfterMs ?? Number.POSITIVE_INFINITY,
      },
    );
  }

  /** As `read`, but from the storage itself: a node is asked for access only. Errors: also `unsupported`. */
  readDirect(stream: string, options: ReadOptions = {}): AsyncGenerator<VaultMessage, void, undefined> {
    return flatten(this.#directChunks(checkedName(stream), options), options.limit);
  }

  stats(stream: string, options: CallOptions = {}): Promise<StreamStats> {
    return askStats(this.#context, checkedName(stream), this.#asking(options));
  }

  /** All names, or those that begin with `prefix`, in order. */
  names(options: NamesOptions = {}): AsyncGenerator<NameEntry, void, undefined> {
    return askNames(this.#context, checkedPrefix(options.prefix ?? ''), this.#asking(options));
  }

  /** Who leads. */
  cluster(options: CallOptions = {}): Promise<ClusterInfo> {
    return askCluster(this.#context, this.#asking(options));
  }

  /** Makes another node lead, and answers which. Not repeated when it fails. */
  handover(options: CallOptions = {}): Promise<LeaderInfo | undefined> {
    return askHandover(this.#context, this.#signal(options.signal));
  }

  /** Resolves when everything published so far has ended, one way or the other; each publish has its own result. */
  flush(): Promise<void> {
    return this.#publisher.flush();
  }

  /** Ends running reads, takes no more publishes, waits for those under way and lets go of all connections. */
  async close(): Promise<void> {
    this.#closing.abort(new VaultClientError('closed', 'the client has been closed'));
    await this.#publisher.close();
    if (this.#options.transport === undefined) await this.#context.transport.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#chunks(
    stream: string,
    options: ReadOptions & { readonly from: ReadFrom },
    waits: { waitMs: number; giveUpLaterMs: number },
  ): AsyncGenerator<ReadChunk, void, undefined> {
    const signal = this.#signal(options.signal);
    const asking = { giveUpAfterMs: this.#settings.giveUpAfterMs, signal };
    const start = await startOf(options.from, () => askStats(this.#context, stream, asking));
    yield* readChunks(this.#context, {
      stream,
      start,
      maxBytes: options.maxBytes ?? DEFAULT_CHUNK_BYTES,
      limit: options.limit,
      waitMs: waits.waitMs,
      giveUpAfterMs: { first: this.#settings.giveUpAfterMs, later: waits.giveUpLaterMs },
      signal,
    });
  }

  async *#directChunks(stream: string, options: ReadOptions): AsyncGenerator<ReadChunk, void, undefined> {
    const source: DirectSource = await openDirect(this.#context, {
      stream,
      openPages: this.#options.openPages,
      ...this.#asking(options),
    });
    try {
      yield* source.chunks(options.from ?? 'earliest', options.maxBytes ?? DEFAULT_CHUNK_BYTES);
    } finally {
      source.close();
    }
  }

  #asking(options: CallOptions): { giveUpAfterMs: number; signal: AbortSignal } {
    return { giveUpAfterMs: this.#settings.giveUpAfterMs, signal: this.#signal(options.signal) };
  }

  #signal(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
  }
}

function contextOf(options: ClientOptions, settings: ResolvedOptions): ClientContext {
  const runtime = options.runtime ?? processRuntime;
  const transport =
    options.transport ??
    undiciTransport({
      maxConnectionsPerNode: MAX_CONNECTIONS_PER_NODE,
      // Streams that share a connection each have their own window.
      pipelining: 4 * settings.maxInFlight,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    });
  return {
    runtime,
    transport,
    nodes: new NodeDirectory({ runtime, urls: options.urls, followLeader: options.followLeader ?? true }),
    headers: options.headers ?? {},
    attemptTimeoutMs: settings.attemptTimeoutMs,
    backoff: { initialMs: settings.backoffInitialMs, maxMs: settings.backoffMaxMs },
    onRetry: options.onRetry ?? (() => {}),
  };
}

async function* flatten(
  chunks: AsyncGenerator<ReadChunk, void, undefined>,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<VaultMessage, void, undefined> {
  let left = limit;
  if (left <= 0) return;
  for await (const chunk of chunks) {
    for (const message of chunk.messages) {
      yield message;
      left -= 1;
      if (left <= 0) return;
    }
  }
}

function checkedName(name: string): string {
  return refusingBadNames(() => parseName(name));
}

function checkedPrefix(prefix: string): string {
  return refusingBadNames(() => parseNamePrefix(prefix));
}

function refusingBadNames(check: () => string): string {
  try {
    return check();
  } catch (cause) {
    if (!(cause instanceof NameError)) throw cause;
    throw new VaultClientError('invalid_argument', cause.message, { cause });
  }
}
