import {
  isLogError,
  type Leadership,
  LogError,
  type OnCommit,
  openWriter,
  type StreamWriter,
  type WriterSettings,
} from '@message-vault/log';
import type { Limits, StreamPolicy } from '@message-vault/metadata';
import type { Runtime, Timer } from '@message-vault/runtime';
import type { PageStore } from '@message-vault/storage';
import { Permits } from './permits.ts';
import type { StreamEntry } from './stream-entry.ts';

export interface WritersOptions {
  readonly pages: PageStore;
  readonly runtime: Runtime;
  readonly leadership: Leadership;
  readonly limits: Limits['writer'];
  readonly onCommit: OnCommit;
}

/** Streams recovered at once. */
const MAX_OPENING = 4;

/** There may be thousands, and most of them idle: what is not needed for each of them is not kept for each. */
interface OpenStream {
  readonly streamId: string;
  readonly writer: Promise<StreamWriter>;
  /** The same, once it is there. */
  opened: StreamWriter | undefined;
  lastUsedAt: number;
  users: number;
}

/**
 * The streams this leader has open for writing, for one term of leadership. Each is opened (fenced and recovered) at its
 * first publish, closed when it was idle for long, and never more than `maxOpenStreams` are open.
 */
export class Writers {
  readonly #options: WritersOptions;
  readonly #open = new Map<string, OpenStream>();
  /** Writers on their way out. A stream is opened again only when its last writer has let go of it. */
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #opening = new Permits(MAX_OPENING);
  /** Of the stream opened last: they are shared by those that come next with the same. */
  #settings: Partial<WriterSettings> = {};
  #sweep: Timer | undefined;
  #closing = false;

  constructor(options: WritersOptions) {
    this.#options = options;
    this.#scheduleSweep();
  }

  get openStreams(): number {
    return this.#open.size;
  }

  /** Bytes of batches that wait for their commit, all streams together. */
  get queuedBytes(): number {
    let bytes = 0;
    for (const { opened } of this.#open.values()) bytes += opened?.stats.queuedBytes ?? 0;
    return bytes;
  }

  /** Runs `use` with the stream's writer, which stays open at least until it is done. Errors: LogError. */
  async with<Result>(entry: StreamEntry, use: (writer: StreamWriter) => Promise<Result>): Promise<Result> {
    const stream = this.#get(entry);
    stream.users += 1;
    try {
      return await use(await stream.writer);
    } catch (error) {
      // Such a writer has ended for good; the next publish opens the stream anew and finds out how it is.
      if (isLogError(error, 'damaged', 'closed')) this.#release(stream);
      throw error;
    } finally {
      stream.users -= 1;
      stream.lastUsedAt = this.#options.runtime.monotonic();
    }
  }

  /** Lets go of a stream that is gone. What is in flight is answered with what becomes of it. */
  drop(streamId: string): void {
    const stream = this.#open.get(streamId);
    if (stream !== undefined) this.#release(stream);
  }

  /** Finishes what was taken and lets go of every stream. What comes later is refused with `not_leader`. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#sweep?.cancel();
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all([...open.map(closeStream), ...this.#leaving.values()]);
  }

  #get(entry: StreamEntry): OpenStream {
    if (this.#closing) throw new LogError('not_leader', 'this node is giving up leadership');
    const key = entry.ref.streamId;
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    if (this.#open.size >= this.#options.limits.maxOpenStreams && !this.#closeLongestIdle()) {
      throw new LogError('queue_full', 'every stream this leader may have open is being published to', {
        retryAfterMs: 1000,
      });
    }
    const stream: OpenStream = {
      streamId: key,
      writer: this.#openWriter(entry),
      opened: undefined,
      lastUsedAt: this.#options.runtime.monotonic(),
      users: 0,
    };
    this.#open.set(key, stream);
    // A stream that could not be opened is not remembered: the next publish tries anew. Its callers get the error.
    stream.writer.then(
      (writer) => {
        stream.opened = writer;
      },
      () => this.#forget(key, stream),
    );
    return stream;
  }

  /** A few at a time: recovering a stream reads megabytes, and after a takeover all of them are wanted at once. */
  async #openWriter(entry: StreamEntry): Promise<StreamWriter> {
    await this.#leaving.get(entry.ref.streamId);
    const permit = await this.#opening.take();
    try {
      return await this.#recover(entry);
    } finally {
      permit.release();
    }
  }

  #recover(entry: StreamEntry): Promise<StreamWriter> {
    const { pages, runtime, leadership, onCommit } = this.#options;
    const settings = this.#settingsFor(entry.document.policy);
    return openWriter({ pages, runtime, leadership, stream: entry.ref, settings, onCommit });
  }

  #settingsFor({ segmentBytes, segmentCommits }: StreamPolicy): Partial<WriterSettings> {
    const last = this.#settings;
    if (last.segmentBytes === segmentBytes && last.segmentCommits === segmentCommits) return last;
    const { limits } = this.#options;
    this.#settings = {
      segmentBytes,
      segmentCommits,
      maxQueueBytes: limits.maxQueueBytes,
      maxQueueBatches: limits.maxQueueBatches,
      checkpointEvery: limits.checkpointEvery,
      maxProducers: limits.maxProducers,
      producerIdleMs: limits.producerIdleMs,
      writeTimeoutMs: limits.writeTimeoutMs,
      resolveForMs: limits.resolveForMs,
    };
    return this.#settings;
  }

  #closeLongestIdle(): boolean {
    let idlest: OpenStream | undefined;
    for (const stream of this.#open.values()) {
      if (stream.users === 0 && (idlest === undefined || stream.lastUsedAt < idlest.lastUsedAt))
        idlest = stream;
    }
    if (idlest !== undefined) this.#release(idlest);
    return idlest !== undefined;
  }

  /** One timer for all streams: ten thousand idle ones cost none of their own. */
  #scheduleSweep(): void {
    const { runtime, limits } = this.#options;
    this.#sweep = runtime.setTimer(limits.idleCloseMs / 2, () => {
      const idleSince = runtime.monotonic() - limits.idleCloseMs;
      for (const stream of this.#open.values()) {
        if (stream.users === 0 && stream.lastUsedAt < idleSince) this.#release(stream);
      }
      this.#scheduleSweep();
    });
  }

  #release(stream: OpenStream): void {
    const key = stream.streamId;
    if (this.#open.get(key) !== stream) return;
    this.#open.delete(key);
    const leaving = closeStream(stream).finally(() => this.#leaving.delete(key));
    this.#leaving.set(key, leaving);
  }

  #forget(key: string, stream: OpenStream): void {
    if (this.#open.get(key) === stream) this.#open.delete(key);
  }
}

async function closeStream(stream: OpenStream): Promise<void> {
  const [opened] = await Promise.allSettled([stream.writer]);
  if (opened.status === 'fulfilled') await opened.value.close();
}
