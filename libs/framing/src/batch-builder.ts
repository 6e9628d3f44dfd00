import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import {
  BATCH_CRC_START,
  BATCH_FIELDS,
  type BatchCodec,
  type ProducerIdentity,
  writeBatchHeader,
} from './batch-header.ts';
import { compress } from './compression.ts';
import { joinCrcs } from './crc.ts';
import { FramingError } from './errors.ts';
import { viewOf } from './integers.ts';
import { BATCH_HEADER_BYTES, MAX_BATCH_BYTES, MAX_BATCH_MESSAGES, MAX_RECORDS_BYTES } from './limits.ts';
import { type Message, recordSize, writeRecord } from './record.ts';

const FIRST_CAPACITY_BYTES = 4096;
/** The CRC of the records is computed in steps of this size, while they are still in the processor's cache. */
const CRC_STEP_BYTES = 64 * 1024;

export interface BatchBuilderOptions {
  /** The most bytes of header and uncompressed records: up to BATCH_HEADER_BYTES + MAX_RECORDS_BYTES. Default MAX_BATCH_BYTES. */
  readonly maxBytes?: number | undefined;
  /** Default MAX_BATCH_MESSAGES. */
  readonly maxMessages?: number | undefined;
  /** Default `none`. */
  readonly codec?: BatchCodec | undefined;
  /** About how many bytes will be needed; saves growing step by step. */
  readonly expectedBytes?: number | undefined;
  /** Memory nobody needs any more, used for the first batch if it is large enough for `expectedBytes`. */
  readonly room?: ArrayBuffer | undefined;
}

/** Frames messages into a batch as they arrive. After `finish` it is empty and can be used for the next batch. */
export class BatchBuilder {
  readonly #maxBytes: number;
  readonly #maxMessages: number;
  readonly #codec: BatchCodec;
  readonly #firstCapacity: number;
  #bytes: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #end = BATCH_HEADER_BYTES;
  #count = 0;
  /** Of the records up to here. */
  #crcEnd = BATCH_HEADER_BYTES;
  #crc = 0;

  constructor(options: BatchBuilderOptions = {}) {
    this.#maxBytes = Math.min(options.maxBytes ?? MAX_BATCH_BYTES, BATCH_HEADER_BYTES + MAX_RECORDS_BYTES);
    this.#maxMessages = Math.min(options.maxMessages ?? MAX_BATCH_MESSAGES, MAX_BATCH_MESSAGES);
    this.#codec = options.codec ?? 'none';
    this.#firstCapacity = Math.min(
      Math.max(FIRST_CAPACITY_BYTES, options.expectedBytes ?? 0),
      this.#maxBytes,
    );
    const { room } = options;
    if (room !== undefined && room.byteLength >= this.#firstCapacity) this.#bytes = Buffer.from(room);
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes of header and records so far, before compression. */
  get byteLength(): number {
    return this.#end;
  }

  /**
   * Adds a message, or answers false when the batch is too full for it. The value is copied. Throws FramingError for
   * a message that fits no batch of this size, or no batch at all.
   */
  tryAdd(message: Message): boolean {
    const size = recordSize(message, this.#end);
    if (size.total > this.#maxBytes - BATCH_HEADER_BYTES) {
      const detail = `a record of ${size.total} bytes does not fit a batch of at most ${this.#maxBytes} bytes`;
      throw new FramingError('too_large', this.#end, detail);
    }
    if (this.#count >= this.#maxMessages || this.#end + size.total > this.#maxBytes) return false;
    this.#reserve(this.#end + size.total);
    this.#end = writeRecord(this.#bytes, this.#end, message, size);
    this.#count += 1;
    if (this.#end - this.#crcEnd >= CRC_STEP_BYTES) this.#stepCrc();
    return true;
  }

  /**
   * The batch. Compressed only if that makes it smaller, so the codec may be `none` though `zstd` was asked for.
   * Throws, and keeps its messages: `bad_count` when it has none, `too_large` when it is over MAX_BATCH_BYTES even so,
   * `bad_value` for a producer that is none.
   */
  finish(producer?: ProducerIdentity): Uint8Array<ArrayBuffer> {
    if (this.#count === 0)
      throw new FramingError('bad_count', BATCH_FIELDS.messageCount.at, 'a batch without messages');
    const batch = this.#frame(producer);
    this.#bytes = Buffer.alloc(0);
    this.#end = BATCH_HEADER_BYTES;
    this.#crcEnd = BATCH_HEADER_BYTES;
    this.#crc = 0;
    this.#count = 0;
    return batch;
  }

  #stepCrc(): void {
    this.#crc = crc32(this.#bytes.subarray(this.#crcEnd, this.#end), this.#crc);
    this.#crcEnd = this.#end;
  }

  #frame(producer: ProducerIdentity | undefined): Uint8Array<ArrayBuffer> {
    const recordsBytes = this.#end - BATCH_HEADER_BYTES;
    const packed = this.#packed();
    const batch = packed ?? new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#end);
    const codec = packed === undefined ? 'none' : 'zstd';
    const messageCount = this.#count;
    writeBatchHeader(batch, { byteLength: batch.byteLength, messageCount, codec, recordsBytes, producer });
    viewOf(batch).setUint32(BATCH_FIELDS.crc.at, this.#crcOf(batch, packed !== undefined), true);
    return batch;
  }

  #crcOf(batch: Uint8Array, isPacked: boolean): number {
    const stepped = this.#crcEnd > BATCH_HEADER_BYTES;
    if (isPacked || !stepped) return crc32(batch.subarray(BATCH_CRC_START));
    this.#stepCrc();
    const fields = crc32(batch.subarray(BATCH_CRC_START, BATCH_HEADER_BYTES));
    return joinCrcs(fields, this.#crc, this.#end - BATCH_HEADER_BYTES);
  }

  /** Room for a header and the compressed records, or undefined when compression is off or does not pay. */
  #packed(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#codec === 'none') return undefined;
    const frame = compress(this.#bytes.subarray(BATCH_HEADER_BYTES, this.#end));
    if (BATCH_HEADER_BYTES + frame.byteLength >= this.#end) return undefined;
    const batch = new Uint8Array(BATCH_HEADER_BYTES + frame.byteLength);
    batch.set(frame, BATCH_HEADER_BYTES);
    return batch;
  }

  #reserve(byteLength: number): void {
    if (byteLength <= this.#bytes.byteLength) return;
    const capacity = Math.max(byteLength, this.#firstCapacity, this.#bytes.byteLength * 2);
    const grown = Buffer.allocUnsafeSlow(Math.min(capacity, this.#maxBytes));
    grown.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = grown;
  }
}
