import { NameError, parseName, parseNamePrefix } from '@message-vault/metadata';
import { wholeNumber } from './checks.ts';
import { VaultClientError } from './errors.ts';
import type { ClientContext } from './exchange.ts';
import type { OutgoingMessage, VaultMessage } from './messages.ts';
import { NodeDirectory } from './nodes.ts';
import { type ClientOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import { processRuntime } from './process-runtime.ts';
import type { PublishResult } from './publish/call.ts';
import { Publisher, type PublishOptions } from './publish/publisher.ts';
import { Pulse } from './pulse.ts';
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
import { type Place, type ReadFrom, type Start, startOf, toPlace } from './read/start.ts';
import { whenThere } from './read/when-there.ts';
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
  /** How long a node keeps the request when there is no news, 1 to 60 s. Default 10 s. */
  readonly waitSeconds?: number | undefined;
  /**
   * How long the stream may not exist, and after the first answer, how long all nodes may fail before the tail does.
   * Default: for ever.
   */
  readonly giveUpAfterMs?: number | undefined;
  /** Told once when there is no such stream yet, so that its first publish is waited for. */
  readonly onAbsent?: (() => void) | undefined;
}

const DEFAULT_CHUNK_BYTES = 4 * 1024 * 1024;
const MAX_CHUNK_BYTES = 1024 * 1024 * 1024;
const DEFAULT_WAIT_SECONDS = 10;
const MAX_WAIT_SECONDS = 60;
const BEGINNING: Place = { at: 'earliest' };
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

  /**
   * As `read`, some MiB of messages at a time: for bulk, where awaiting every single message would cost. `limit` is a
   * hint here: the last chunk may have more.
   */
  readChunks(stream: string, options: ReadOptions = {}): AsyncGenerator<ReadChunk, void, undefined> {
    const waits = { waitSeconds: 0, giveUpLaterMs: this.#settings.giveUpAfterMs };
    return this.#chunks(
      checkedName(stream),
      toPlace(options.from ?? 'earliest'),
      checkedRead(options),
      waits,
    );
  }

  /**
   * The messages from `from` on, and those to come, until the signal fires or the loop is left. Whatever becomes of
   * single nodes, it goes on where it was: no gap, no repeat. A stream that does not exist yet is waited for and shown
   * from its beginning, whatever `from` says of a tail there was not.
   */
  tail(stream: string, options: TailOptions = {}): AsyncGenerator<VaultMessage, void, undefined> {
    return flatten(this.tailChunks(stream, options), options.limit);
  }

  /** As `tail`, as many messages at a time as have come. An empty chunk says that there is no news. */
  tailChunks(stream: string, options: TailOptions = {}): AsyncGenerator<ReadChunk, void, undefined> {
    const { waitSeconds = DEFAULT_WAIT_SECONDS } = options;
    wholeNumber('waitSeconds', waitSeconds, 1, MAX_WAIT_SECONDS);
    const waits = { waitSeconds, giveUpLaterMs: checkedPatience(options.giveUpAfterMs) };
    return this.#tailed(checkedName(stream), toPlace(options.from ?? 'latest'), checkedRead(options), waits);
  }

  /** As `read`, but from the storage itself: a node is asked for access only. Errors: also `unsupported`. */
  readDirect(stream: string, options: ReadOptions = {}): AsyncGenerator<VaultMessage, void, undefined> {
    return flatten(this.readDirectChunks(stream, options), options.limit);
  }

  /** As `readChunks`, from the storage itself. */
  readDirectChunks(stream: string, options: ReadOptions = {}): AsyncGenerator<ReadChunk, void, undefined> {
    return this.#directChunks(checkedName(stream), toPlace(options.from ?? 'earliest'), checkedRead(options));
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

  async *#tailed(
    stream: string,
    place: Place,
    options: TailOptions,
    waits: { waitSeconds: number; giveUpLaterMs: number },
  ): AsyncGenerator<ReadChunk, void, undefined> {
    const asking = this.#asking(options);
    const wait = {
      giveUpAfterMs: waits.giveUpLaterMs,
      onAbsent: options.onAbsent,
      signal: asking.signal,
    };
    const bounds = () => askStats(this.#context, stream, asking);
    const found = await whenThere(this.#context, wait, bounds);
    // Nothing is behind the tail of a stream that was not there: what made it is news.
    const from = found.waited && ('at' in place || 'last' in place) ? BEGINNING : place;
    const start = await startOf(from, () => Promise.resolve(found.answer));
    yield* this.#read(stream, start, options, waits);
  }

  async *#chunks(
    stream: string,
    place: Place,
    options: ReadOptions,
    waits: { waitSeconds: number; giveUpLaterMs: number },
  ): AsyncGenerator<ReadChunk, void, undefined> {
    const asking = this.#asking(options);
    const start = await startOf(place, () => askStats(this.#context, stream, asking));
    yield* this.#read(stream, start, options, waits);
  }

  #read(
    stream: string,
    start: Start,
    options: ReadOptions,
    waits: { waitSeconds: number; giveUpLaterMs: number },
  ): AsyncGenerator<ReadChunk, void, undefined> {
    return readChunks(this.#context, {
      stream,
      start,
      maxBytes: options.maxBytes ?? DEFAULT_CHUNK_BYTES,
      limit: options.limit,
      waitSeconds: waits.waitSeconds,
      giveUpAfterMs: { first: this.#settings.giveUpAfterMs, later: waits.giveUpLaterMs },
      signal: this.#signal(options.signal),
    });
  }

  async *#directChunks(
    stream: string,
    place: Place,
    options: ReadOptions,
  ): AsyncGenerator<ReadChunk, void, undefined> {
    // What reads from storage is large: only those who want it wait for it to be loaded.
    const { directChunks } = await import('./read/direct.ts');
    const { openPages } = this.#options;
    const maxBytes = options.maxBytes ?? DEFAULT_CHUNK_BYTES;
    yield* directChunks(this.#context, { stream, place, maxBytes, openPages, ...this.#asking(options) });
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
  const { urls, headers, followLeader } = settings;
  return {
    runtime,
    transport,
    pulse: new Pulse({ runtime, transport, headers }),
    nodes: new NodeDirectory({ runtime, urls, followLeader }),
    headers,
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

/** What a read is asked for is checked when it is made, not when its first message is awaited. */
function checkedRead<Options extends ReadOptions>(options: Options): Options {
  const { limit, maxBytes = 1 } = options;
  if (limit !== undefined && limit !== Number.POSITIVE_INFINITY)
    wholeNumber('limit', limit, 0, Number.MAX_SAFE_INTEGER);
  wholeNumber('maxBytes', maxBytes, 1, MAX_CHUNK_BYTES);
  return options;
}

function checkedPatience(giveUpAfterMs = Number.POSITIVE_INFINITY): number {
  if (giveUpAfterMs >= 0) return giveUpAfterMs;
  throw new VaultClientError(
    'invalid_argument',
    `giveUpAfterMs is a number of milliseconds, not ${giveUpAfterMs}`,
  );
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
