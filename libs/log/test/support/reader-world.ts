import { encodeBatch, encodeCommit, NO_PAGE, PAGE_BYTES, skipsAfter } from '@message-vault/framing';
import { type Runtime, sleep } from '@message-vault/runtime';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import { memoryStorage, type PageStore, type RangeRead, type Storage } from '@message-vault/storage';
import {
  ChunkCache,
  iterateMessages,
  openReader,
  type ReaderSettings,
  type StreamReader,
  type StreamRef,
  segmentRef,
} from '../../src/index.ts';

export const STREAM: StreamRef = {
  name: 'orders',
  streamId: '0b9e2c55-1d7c-4c39-9c0f-3c1f6a0d5e11',
  container: 'mv-orders',
};

/** What to write as the next commit. */
export interface CommitSpec {
  /** Messages of each batch; none for a commit without any. */
  readonly batches?: readonly number[];
  /** Of each value. */
  readonly valueBytes?: number;
  /** Milliseconds later than the commit before. */
  readonly laterMs?: number;
  /** Closes its segment. */
  readonly seals?: boolean;
}

/** A commit as it was written: what every way of reading has to agree with. */
export interface WrittenCommit {
  readonly page: number;
  readonly pages: number;
  readonly number: number;
  readonly firstSequenceNumber: number;
  readonly messages: number;
  readonly timestamp: number;
  readonly skips: readonly number[];
  readonly segment: number;
  readonly bytes: Uint8Array;
}

/** Writes commits straight into storage, without a writer: also such as no writer would ever leave behind. */
export class LogBuilder {
  readonly pages: PageStore;
  readonly stream: StreamRef;
  readonly commits: WrittenCommit[] = [];
  readonly epoch = 1;
  readonly segmentBytes: number;
  segment = 0;
  page = 0;
  nextSequenceNumber = 0;
  timestamp: number;
  #etag: string | undefined;

  constructor(
    pages: PageStore,
    options: { segmentBytes?: number; stream?: StreamRef; startAt?: number } = {},
  ) {
    this.pages = pages;
    this.stream = options.stream ?? STREAM;
    this.segmentBytes = options.segmentBytes ?? 64 * 1024 * 1024;
    this.timestamp = options.startAt ?? 1_700_000_000_000;
  }

  /** The bytes the next commit would have, and what it would be. */
  next(spec: CommitSpec = {}): WrittenCommit {
    const previous = this.commits.at(-1);
    const { batches = [1], valueBytes = 8, laterMs = 1, seals = false } = spec;
    const number = this.commits.length;
    const skips = previous === undefined ? new Array<number>(8).fill(NO_PAGE) : skipsAfter(previous);
    let sequence = this.nextSequenceNumber;
    const encoded = batches.map((count) => {
      const messages = Array.from({ length: count }, () => ({
        value: messageValue(sequence++, valueBytes),
        kind: 'text' as const,
        headers: [],
      }));
      return encodeBatch({ messages });
    });
    const place = {
      page: this.page,
      number,
      firstSequenceNumber: this.nextSequenceNumber,
      timestamp: this.timestamp + laterMs,
      skips,
    };
    const bytes = encodeCommit({
      ...place,
      streamId: this.stream.streamId,
      epoch: this.epoch,
      messageCount: sequence - this.nextSequenceNumber,
      lastInSegment: seals,
      batches: encoded,
    });
    const messages = sequence - this.nextSequenceNumber;
    return { ...place, messages, pages: bytes.byteLength / PAGE_BYTES, segment: this.segment, bytes };
  }

  /** Writes the next commit. */
  async append(spec: CommitSpec = {}): Promise<WrittenCommit> {
    const commit = this.next(spec);
    await this.put(commit.page, commit.bytes);
    this.accept(commit, spec.seals);
    return commit;
  }

  /** A next commit with one message in whose value `inner` lies, just where the absolute page `atPage` begins. */
  around(inner: Uint8Array, atPage: number): WrittenCommit {
    const valueBytes = inner.byteLength + (atPage - this.page + 1) * PAGE_BYTES;
    const plain = this.next({ valueBytes });
    const value = new Uint8Array(valueBytes).fill(0x2e);
    const valueAt = indexOf(plain.bytes, messageValue(this.nextSequenceNumber, valueBytes));
    value.set(inner, (atPage - this.page) * PAGE_BYTES - valueAt);
    const bytes = encodeCommit({
      ...plain,
      streamId: this.stream.streamId,
      epoch: this.epoch,
      messageCount: 1,
      lastInSegment: false,
      batches: [encodeBatch({ messages: [{ value, kind: 'bytes', headers: [] }] })],
    });
    if (indexOf(bytes, inner) !== (atPage - this.page) * PAGE_BYTES)
      throw new Error('it did not come to lie there');
    return { ...plain, bytes };
  }

  /** Goes on as if `commit` had been written. */
  accept(commit: WrittenCommit, seals = false): void {
    this.commits.push(commit);
    this.page += commit.pages;
    this.nextSequenceNumber += commit.messages;
    this.timestamp = commit.timestamp;
    if (!seals) return;
    this.segment = this.page;
    this.#etag = undefined;
  }

  async appendMany(count: number, spec: CommitSpec = {}): Promise<void> {
    for (let i = 0; i < count; i += 1) await this.append(spec);
  }

  /** Writes any bytes at any page of the current segment. */
  async put(page: number, bytes: Uint8Array): Promise<void> {
    const ref = segmentRef(this.stream, this.segment);
    const etag = await this.#version();
    const written = await this.pages.writePages(ref, (page - this.segment) * PAGE_BYTES, bytes, {
      epoch: this.epoch,
      etag,
    });
    this.#etag = written.etag;
  }

  async clear(page: number, pages: number): Promise<void> {
    const ref = segmentRef(this.stream, this.segment);
    const range = { offset: (page - this.segment) * PAGE_BYTES, length: pages * PAGE_BYTES };
    const etag = await this.#version();
    this.#etag = (await this.pages.clearPages(ref, range, { epoch: this.epoch, etag })).etag;
  }

  /** Damages what is stored: the bits of `byte` within the page are flipped, in whatever segment it is. */
  async flip(page: number, byte: number): Promise<void> {
    const segment = this.commits.findLast((commit) => commit.segment <= page)?.segment ?? 0;
    const ref = segmentRef(this.stream, segment);
    const offset = (page - segment) * PAGE_BYTES;
    const read = await this.pages.readRange(ref, { offset, length: PAGE_BYTES });
    if (read.status !== 'read') throw new Error('nothing to damage');
    const bytes = read.bytes.slice();
    bytes[byte] = (bytes[byte] ?? 0) ^ 0xff;
    const { etag } = await this.pages.segmentProperties(ref);
    const written = await this.pages.writePages(ref, offset, bytes, { epoch: this.epoch, etag });
    if (segment === this.segment) this.#etag = written.etag;
  }

  async createSegment(): Promise<void> {
    await this.#version();
  }

  async #version(): Promise<string> {
    if (this.#etag !== undefined) return this.#etag;
    await this.pages.createContainer(this.stream.container);
    const ref = segmentRef(this.stream, this.segment);
    const init = { sizeBytes: this.segmentBytes, epoch: this.epoch };
    this.#etag = (await this.pages.createSegment(ref, init)).etag;
    return this.#etag;
  }
}

function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(part);
}

/** The value of message `sequence`: its number, padded. */
export function messageValue(sequence: number, bytes: number): Uint8Array {
  return new TextEncoder().encode(String(sequence).padStart(bytes, '.'));
}

export interface CallCounts {
  reads: number;
  readBytes: number;
  notModified: number;
  ranges: number;
  lists: number;
  properties: number;
}

/** Every read a store answers is counted, and takes `delayMs` of the runtime's time if that is given. */
export function countingPages(
  inner: PageStore,
  options: { runtime?: Runtime; delayMs?: () => number } = {},
): { pages: PageStore; counts: CallCounts; total(): number; reset(): void } {
  const counts: CallCounts = { reads: 0, readBytes: 0, notModified: 0, ranges: 0, lists: 0, properties: 0 };
  const slowly = async <Value>(call: () => Promise<Value>): Promise<Value> => {
    const delayMs = options.delayMs?.() ?? 0;
    if (options.runtime !== undefined && delayMs > 0) await sleep(options.runtime, delayMs);
    const value = await call();
    if (options.runtime !== undefined && delayMs > 0) await sleep(options.runtime, delayMs);
    return value;
  };
  const pages: PageStore = {
    ...inner,
    readRange: (ref, range, call) =>
      slowly(async () => {
        counts.reads += 1;
        const read: RangeRead = await inner.readRange(ref, range, call);
        if (read.status === 'read') counts.readBytes += read.bytes.byteLength;
        else counts.notModified += 1;
        return read;
      }),
    writtenRanges: (ref, range, call) => {
      counts.ranges += 1;
      return slowly(() => inner.writtenRanges(ref, range, call));
    },
    segmentProperties: (ref, call) => {
      counts.properties += 1;
      return slowly(() => inner.segmentProperties(ref, call));
    },
    listSegments: (container, call) => {
      counts.lists += 1;
      return slowly(() => inner.listSegments(container, call));
    },
  };
  const reset = (): void => {
    Object.assign(counts, { reads: 0, readBytes: 0, notModified: 0, ranges: 0, lists: 0, properties: 0 });
  };
  const total = (): number => counts.reads + counts.ranges + counts.lists + counts.properties;
  return { pages, counts, total, reset };
}

/** A stream in memory and virtual time, with readers on it whose storage calls are counted. */
export class ReaderWorld {
  readonly runtime: VirtualRuntime;
  readonly storage: Storage;
  readonly log: LogBuilder;
  readonly counted: ReturnType<typeof countingPages>;
  readonly cache: ChunkCache;

  constructor(
    options: {
      seed?: number;
      cacheBytes?: number;
      segmentBytes?: number;
      delayMs?: (world: ReaderWorld) => number;
    } = {},
  ) {
    this.runtime = new VirtualRuntime({ seed: options.seed ?? 1 });
    this.storage = memoryStorage({ runtime: this.runtime });
    this.log = new LogBuilder(this.storage.pages, {
      segmentBytes: options.segmentBytes ?? 64 * 1024 * 1024,
      startAt: this.runtime.now(),
    });
    const { delayMs } = options;
    this.counted = countingPages(
      this.storage.pages,
      delayMs === undefined ? {} : { runtime: this.runtime, delayMs: () => delayMs(this) },
    );
    this.cache = new ChunkCache({ maxBytes: options.cacheBytes ?? 64 * 1024 * 1024 });
  }

  reader(
    options: { settings?: Partial<ReaderSettings>; pages?: PageStore; cache?: ChunkCache } = {},
  ): StreamReader {
    return openReader({
      pages: options.pages ?? this.counted.pages,
      runtime: this.runtime,
      stream: this.log.stream,
      cache: options.cache ?? this.cache,
      settings: options.settings,
    });
  }

  run<Value>(promise: Promise<Value>): Promise<Value> {
    return this.runtime.run(promise);
  }

  /** All values from `from` on, read in steps of `maxBytes`, up to what is the tail then. */
  async values(reader: StreamReader, from = 0, maxBytes = 1024 * 1024): Promise<string[]> {
    const values: string[] = [];
    for (let next = from; ; ) {
      const { commits, nextOffset, upToDate } = await reader.read({ from: next, maxBytes });
      for (const { value } of iterateMessages(commits, next)) values.push(new TextDecoder().decode(value));
      next = nextOffset;
      if (upToDate) return values;
    }
  }

  /** The values that were written, of the messages from sequence number `first` up to, not including, `end`. */
  expected(first = 0, end = this.log.nextSequenceNumber, valueBytes = 8): string[] {
    const decoder = new TextDecoder();
    return Array.from({ length: end - first }, (_, i) => decoder.decode(messageValue(first + i, valueBytes)));
  }
}

/** The code and details a promise is rejected with. */
export async function failure(promise: Promise<unknown>): Promise<{ code: unknown; details: unknown }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error && 'code' in error) {
      return { code: error.code, details: 'details' in error ? error.details : undefined };
    }
    throw error;
  }
  return { code: 'no error', details: undefined };
}
