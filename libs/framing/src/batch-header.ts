/*
 * Batch header: what a producer puts before its records. All integers little-endian.
 *
 *   offset  size  field
 *        0     4  magic "MVB1"
 *        4     1  version, 1
 *        5     1  codec of the records: 0 none, 1 zstd
 *        6     2  reserved, zero
 *        8     4  byte length of the batch, this header included
 *       12     4  CRC-32 of the bytes from 16 to the end of the batch
 *       16     4  message count, 1 … 16,384
 *       20     4  bytes of the records before compression
 *       24    16  producer id, a UUID; all zero when the producer does not want its repeats recognised
 *       40     4  producer epoch; zero without a producer id
 *       44     4  reserved, zero
 *       48     8  producer sequence, one per batch; zero without a producer id
 */
import { FramingError } from './errors.ts';
import { getU64, putU32, putU64, requireBytes, requireZeroU32, viewOf } from './integers.ts';
import { assertFieldsFill } from './layout.ts';
import { BATCH_HEADER_BYTES, MAX_BATCH_BYTES, MAX_BATCH_MESSAGES, MAX_RECORDS_BYTES } from './limits.ts';
import { MIN_RECORD_BYTES } from './record.ts';
import { NIL_UUID, readUuid, writeUuid } from './uuid.ts';

export const BATCH_FIELDS = {
  magic: { at: 0, bytes: 4 },
  version: { at: 4, bytes: 1 },
  codec: { at: 5, bytes: 1 },
  reservedA: { at: 6, bytes: 2 },
  byteLength: { at: 8, bytes: 4 },
  crc: { at: 12, bytes: 4 },
  messageCount: { at: 16, bytes: 4 },
  recordsBytes: { at: 20, bytes: 4 },
  producerId: { at: 24, bytes: 16 },
  producerEpoch: { at: 40, bytes: 4 },
  reservedB: { at: 44, bytes: 4 },
  producerSequence: { at: 48, bytes: 8 },
} as const;
assertFieldsFill('batch header', BATCH_HEADER_BYTES, BATCH_FIELDS);

/** The CRC covers everything from here: all that comes after the CRC itself. */
export const BATCH_CRC_START = BATCH_FIELDS.messageCount.at;

/** "MVB1" read as a little-endian u32. */
const MAGIC = 0x3142564d;
const VERSION = 1;

/** How the records are compressed. */
export type BatchCodec = 'none' | 'zstd';

/** Its place is its number on the wire; never reordered. */
const CODECS: readonly BatchCodec[] = ['none', 'zstd'];

/** Who made a batch, so that a repeat of it can be recognised. */
export interface ProducerIdentity {
  /** A UUID other than the nil one. */
  readonly id: string;
  /** u32. A producer that starts anew under its old id takes a higher one. */
  readonly epoch: number;
  /** One per batch: 0 for the first of an epoch, then one more with every batch. */
  readonly sequence: number;
}

export interface BatchHeader {
  /** Of the whole batch, header included. */
  readonly byteLength: number;
  readonly messageCount: number;
  readonly codec: BatchCodec;
  /** Bytes of the records before compression. */
  readonly recordsBytes: number;
  readonly producer: ProducerIdentity | undefined;
}

/** The part of the header that says how big the batch is. */
export type BatchExtent = Pick<BatchHeader, 'byteLength' | 'messageCount' | 'codec' | 'recordsBytes'>;

/**
 * Reads the header that starts at `at`; neither the records nor the CRC are looked at. Throws FramingError.
 */
export function decodeBatchHeader(bytes: Uint8Array, at = 0): BatchHeader {
  requireBytes(bytes, at, BATCH_HEADER_BYTES, 'a batch header');
  const view = viewOf(bytes);
  const extent = readBatchExtent(view, at);
  return { ...extent, producer: readProducer(bytes, view, at) };
}

/** Reads and checks all of a header but the producer. The header must be present. */
export function readBatchExtent(view: DataView, at: number): BatchExtent {
  if (view.getUint32(at, true) !== MAGIC) throw new FramingError('bad_magic', at, 'not a batch');
  const version = view.getUint8(at + BATCH_FIELDS.version.at);
  if (version !== VERSION) {
    throw new FramingError('unsupported_version', at + BATCH_FIELDS.version.at, `batch version ${version}`);
  }
  const codec = CODECS[view.getUint8(at + BATCH_FIELDS.codec.at)];
  if (codec === undefined) throw new FramingError('bad_codec', at + BATCH_FIELDS.codec.at, 'unknown codec');
  if (view.getUint16(at + BATCH_FIELDS.reservedA.at, true) !== 0) {
    throw new FramingError('reserved_not_zero', at + BATCH_FIELDS.reservedA.at, 'must be zero');
  }
  requireZeroU32(view, at + BATCH_FIELDS.reservedB.at, 'the reserved field');
  const extent = {
    byteLength: view.getUint32(at + BATCH_FIELDS.byteLength.at, true),
    messageCount: view.getUint32(at + BATCH_FIELDS.messageCount.at, true),
    codec,
    recordsBytes: view.getUint32(at + BATCH_FIELDS.recordsBytes.at, true),
  };
  requireExtent(extent, at);
  return extent;
}

/** Refuses sizes and counts that contradict each other or a limit, before anything is read or allocated by them. */
function requireExtent(extent: BatchExtent, at: number): void {
  const { byteLength, messageCount, recordsBytes } = extent;
  if (byteLength > MAX_BATCH_BYTES) {
    throw new FramingError('too_large', at + BATCH_FIELDS.byteLength.at, `a batch of ${byteLength} bytes`);
  }
  if (byteLength <= BATCH_HEADER_BYTES) {
    throw new FramingError('bad_length', at + BATCH_FIELDS.byteLength.at, `a batch of ${byteLength} bytes`);
  }
  if (messageCount < 1 || messageCount > MAX_BATCH_MESSAGES) {
    throw new FramingError(
      'bad_count',
      at + BATCH_FIELDS.messageCount.at,
      `${messageCount} messages in a batch`,
    );
  }
  if (recordsBytes > MAX_RECORDS_BYTES) {
    throw new FramingError(
      'too_large',
      at + BATCH_FIELDS.recordsBytes.at,
      `${recordsBytes} bytes of records`,
    );
  }
  const plain = extent.codec === 'none' && recordsBytes !== byteLength - BATCH_HEADER_BYTES;
  if (plain || recordsBytes < messageCount * MIN_RECORD_BYTES) {
    const detail = `${recordsBytes} bytes of records, ${messageCount} messages, ${byteLength} bytes in all`;
    throw new FramingError('bad_length', at + BATCH_FIELDS.recordsBytes.at, detail);
  }
}

function readProducer(bytes: Uint8Array, view: DataView, at: number): ProducerIdentity | undefined {
  const id = readUuid(bytes, at + BATCH_FIELDS.producerId.at);
  const epoch = view.getUint32(at + BATCH_FIELDS.producerEpoch.at, true);
  const sequence = getU64(view, at + BATCH_FIELDS.producerSequence.at, 'producer sequence');
  if (id !== NIL_UUID) return { id, epoch, sequence };
  if (epoch !== 0) {
    throw new FramingError(
      'reserved_not_zero',
      at + BATCH_FIELDS.producerEpoch.at,
      'an epoch without a producer',
    );
  }
  if (sequence !== 0) {
    throw new FramingError(
      'reserved_not_zero',
      at + BATCH_FIELDS.producerSequence.at,
      'a sequence without a producer',
    );
  }
  return undefined;
}

/** Writes all of a header but the CRC into the first 56 bytes. */
export function writeBatchHeader(bytes: Uint8Array, header: BatchHeader): void {
  requireExtent(header, 0);
  const view = viewOf(bytes);
  bytes.fill(0, 0, BATCH_HEADER_BYTES);
  view.setUint32(BATCH_FIELDS.magic.at, MAGIC, true);
  view.setUint8(BATCH_FIELDS.version.at, VERSION);
  view.setUint8(BATCH_FIELDS.codec.at, CODECS.indexOf(header.codec));
  view.setUint32(BATCH_FIELDS.byteLength.at, header.byteLength, true);
  view.setUint32(BATCH_FIELDS.messageCount.at, header.messageCount, true);
  view.setUint32(BATCH_FIELDS.recordsBytes.at, header.recordsBytes, true);
  if (header.producer !== undefined) writeProducer(bytes, view, header.producer);
}

function writeProducer(bytes: Uint8Array, view: DataView, producer: ProducerIdentity): void {
  if (producer.id === NIL_UUID) {
    throw new FramingError('bad_value', BATCH_FIELDS.producerId.at, 'the nil UUID means "no producer"');
  }
  writeUuid(bytes, BATCH_FIELDS.producerId.at, producer.id, 'producer id');
  putU32(view, BATCH_FIELDS.producerEpoch.at, producer.epoch, 'producer epoch');
  putU64(view, BATCH_FIELDS.producerSequence.at, producer.sequence, 'producer sequence');
}
