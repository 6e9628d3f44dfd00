import { wholeNumber } from '../checks.ts';
import type { Asking } from '../door.ts';
import { VaultClientError } from '../errors.ts';
import type { ClientContext } from '../exchange.ts';
import type { VaultMessage } from '../messages.ts';
import { checkedName } from '../names/checked-name.ts';
import { askStats, type CallOptions } from '../questions.ts';
import { type ReadChunk, readChunks } from './chunks.ts';
import type { OpenPages } from './direct.ts';
import { type Place, type ReadFrom, type Start, startOf, toPlace } from './start.ts';
import { whenThere } from './when-there.ts';

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

interface Waits {
  readonly waitSeconds: number;
  readonly giveUpLaterMs: number;
}

/** All a client reads from streams. What a read is asked for is checked when it is made. */
export class Reader {
  readonly #context: ClientContext;
  readonly #asking: (options: CallOptions) => Asking;
  readonly #openPages: OpenPages | undefined;

  constructor(door: {
    context: ClientContext;
    asking: (options: CallOptions) => Asking;
    openPages: OpenPages | undefined;
  }) {
    this.#context = door.context;
    this.#asking = door.asking;
    this.#openPages = door.openPages;
  }

  chunks(name: string, options: ReadOptions): AsyncGenerator<ReadChunk, void, undefined> {
    const place = toPlace(options.from ?? 'earliest');
    return this.#chunks(checkedName(name), place, checkedRead(options), this.#asking(options));
  }

  tailChunks(name: string, options: TailOptions): AsyncGenerator<ReadChunk, void, undefined> {
    const { waitSeconds = DEFAULT_WAIT_SECONDS } = options;
    wholeNumber('waitSeconds', waitSeconds, 1, MAX_WAIT_SECONDS);
    const waits = { waitSeconds, giveUpLaterMs: checkedPatience(options.giveUpAfterMs) };
    const place = toPlace(options.from ?? 'latest');
    return this.#tailed(checkedName(name), place, checkedRead(options), waits);
  }

  directChunks(name: string, options: ReadOptions): AsyncGenerator<ReadChunk, void, undefined> {
    return this.#directChunks(checkedName(name), toPlace(options.from ?? 'earliest'), checkedRead(options));
  }

  async *#tailed(
    stream: string,
    place: Place,
    options: TailOptions,
    waits: Waits,
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
    yield* this.#read(stream, start, options, waits, asking);
  }

  async *#chunks(
    stream: string,
    place: Place,
    options: ReadOptions,
    asking: Asking,
  ): AsyncGenerator<ReadChunk, void, undefined> {
    const start = await startOf(place, () => askStats(this.#context, stream, asking));
    const waits = { waitSeconds: 0, giveUpLaterMs: asking.giveUpAfterMs };
    yield* this.#read(stream, start, options, waits, asking);
  }

  #read(
    stream: string,
    start: Start,
    options: ReadOptions,
    waits: Waits,
    asking: Asking,
  ): AsyncGenerator<ReadChunk, void, undefined> {
    return readChunks(this.#context, {
      stream,
      start,
      maxBytes: options.maxBytes ?? DEFAULT_CHUNK_BYTES,
      limit: options.limit,
      waitSeconds: waits.waitSeconds,
      giveUpAfterMs: { first: asking.giveUpAfterMs, later: waits.giveUpLaterMs },
      signal: asking.signal,
    });
  }

  async *#directChunks(
    stream: string,
    place: Place,
    options: ReadOptions,
  ): AsyncGenerator<ReadChunk, void, undefined> {
    // What reads from storage is large: only those who want it wait for it to be loaded.
    const { directChunks } = await import('./direct.ts');
    const maxBytes = options.maxBytes ?? DEFAULT_CHUNK_BYTES;
    const openPages = this.#openPages;
    yield* directChunks(this.#context, { stream, place, maxBytes, openPages, ...this.#asking(options) });
  }
}

/** Message by message. */
export async function* flatten(
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
