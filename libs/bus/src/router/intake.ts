import {
  decodeBatch,
  decodeBatchHeader,
  encodeOffset,
  type Message,
  messageId,
} from '@message-vault/framing';
import { iterateMessages, type Position, type ReadMessage, type StoredCommit } from '@message-vault/log';
import type { Alarms } from './alarms.ts';
import type { IntakeLease } from './ports.ts';
import type { StreamPlace } from './position.ts';
import type { RecentChunks } from './recent-chunks.ts';

/** A batch as it came in, opened only when somebody wants to look into it, and then once for all subscribers. */
export class IntakeBatch {
  /** Of its first message. */
  readonly start: StreamPlace;
  /** Where the next batch begins. */
  readonly next: StreamPlace;
  readonly bytes: Uint8Array;
  readonly #timestamp: number;
  readonly #streamId: string;
  #messages: readonly ReadMessage[] | undefined;

  constructor(
    commit: StoredCommit,
    batch: { index: number; count: number; last: boolean; bytes: Uint8Array },
  ) {
    const { page, pages, firstSequenceNumber, timestamp, streamId } = commit.header;
    const { index, count, last, bytes } = batch;
    this.start = { offset: encodeOffset(page, index), sequenceNumber: firstSequenceNumber + index };
    this.next = {
      offset: last ? encodeOffset(page + pages, 0) : encodeOffset(page, index + count),
      sequenceNumber: firstSequenceNumber + index + count,
    };
    this.bytes = bytes;
    this.#timestamp = timestamp;
    this.#streamId = streamId;
  }

  get timestamp(): number {
    return this.#timestamp;
  }

  messages(): readonly ReadMessage[] {
    this.#messages ??= decodeBatch(this.bytes).messages.map((message, index) => this.#placed(message, index));
    return this.#messages;
  }

  #placed(message: Message, index: number): ReadMessage {
    const sequenceNumber = this.start.sequenceNumber + index;
    const id = messageId(this.#streamId, this.#timestamp, sequenceNumber);
    return { ...message, offset: this.start.offset + index, sequenceNumber, timestamp: this.#timestamp, id };
  }
}

export interface IntakeChunk {
  /** None that ends at or before where the read began. */
  readonly batches: readonly IntakeBatch[];
  /** Where to go on; the sequence number is undefined when nothing was there. */
  readonly nextOffset: number;
}

/** One read: enough for a good run of batches, little enough for thousands of routers. */
const READ_BYTES = 512 * 1024;
/** Subscribers that are about as far ask for the same places within moments. */
const KEPT_MS = 1000;

/** The reading of one router's stream, shared by all its subscribers. */
export class Intake {
  readonly #lease: IntakeLease;
  readonly #alarms: Alarms;
  readonly #recent: RecentChunks;
  readonly #signal: AbortSignal;
  readonly #chunks = new Map<number, Promise<IntakeChunk>>();

  constructor(options: { lease: IntakeLease; alarms: Alarms; recent: RecentChunks; signal: AbortSignal }) {
    this.#lease = options.lease;
    this.#alarms = options.alarms;
    this.#recent = options.recent;
    this.#signal = options.signal;
  }

  /** What there is from `from` on. Errors: those of a StreamReader. */
  read(from: number): Promise<IntakeChunk> {
    const known = this.#chunks.get(from);
    if (known !== undefined) return known;
    const reading = this.#read(from);
    this.#chunks.set(from, reading);
    const forget = (): void => this.#forget(from, reading);
    // What was not there yet, or could not be read, is asked for anew.
    reading.then(({ batches, nextOffset }) => {
      const bytes = batches.reduce((sum, batch) => sum + batch.bytes.byteLength, 0);
      if (nextOffset === from) forget();
      else this.#recent.add(reading, bytes, forget);
    }, forget);
    this.#alarms.setSooner(this, KEPT_MS, () => this.#clear());
    return reading;
  }

  /** The offset a position names. Errors: those of a StreamReader. */
  resolve(position: Position): Promise<number> {
    return this.#lease.reader.resolve(position, this.#signal);
  }

  /** The message at `offset`, which was read before; undefined when it is gone. */
  async message(offset: number): Promise<ReadMessage | undefined> {
    const { commits } = await this.#lease.reader.read({ from: offset, maxBytes: 1, signal: this.#signal });
    for (const message of iterateMessages(commits, offset))
      return message.offset === offset ? message : undefined;
    return undefined;
  }

  close(): void {
    this.#clear();
    this.#alarms.clear(this);
    this.#lease.release();
  }

  #clear(): void {
    for (const reading of [...this.#chunks.values()]) this.#recent.drop(reading);
    this.#chunks.clear();
  }

  async #read(from: number): Promise<IntakeChunk> {
    const request = { from, maxBytes: READ_BYTES, signal: this.#signal };
    // Mostly the reader was told of it when it was stored: then it needs no look at the storage.
    const known = await this.#lease.reader.read({ ...request, fresh: false });
    const { commits, nextOffset } = known.commits.length > 0 ? known : await this.#lease.reader.read(request);
    return { batches: [...batchesOf(commits, from)], nextOffset };
  }

  #forget(from: number, reading: Promise<IntakeChunk>): void {
    if (this.#chunks.get(from) === reading) this.#chunks.delete(from);
  }
}

function* batchesOf(commits: readonly StoredCommit[], from: number): Generator<IntakeBatch> {
  for (const commit of commits) {
    let index = 0;
    for (const bytes of commit.batches) {
      const count = decodeBatchHeader(bytes).messageCount;
      const last = index + count === commit.header.messageCount;
      const batch = new IntakeBatch(commit, { index, count, last, bytes });
      if (batch.next.offset > from) yield batch;
      index += count;
    }
  }
}
