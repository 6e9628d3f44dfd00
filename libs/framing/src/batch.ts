import { crc32 } from 'node:zlib';
import { BatchBuilder } from './batch-builder.ts';
import {
  BATCH_CRC_START,
  BATCH_FIELDS,
  type BatchCodec,
  type BatchHeader,
  decodeBatchHeader,
  type ProducerIdentity,
  writeBatchHeader,
} from './batch-header.ts';
import { decompress } from './compression.ts';
import { Cursor } from './cursor.ts';
import { FramingError } from './errors.ts';
import { viewOf } from './integers.ts';
import { BATCH_HEADER_BYTES, MAX_BATCH_MESSAGES, MAX_RECORDS_BYTES } from './limits.ts';
import { checkRecord, type Message, readRecord } from './record.ts';

export interface BatchContents {
  readonly messages: readonly Message[];
  /** Default `none`. With `zstd` the records stay uncompressed all the same when compressing does not make them smaller. */
  readonly codec?: BatchCodec | undefined;
  readonly producer?: ProducerIdentity | undefined;
}

/**
 * Frames messages into one batch. Throws FramingError: `bad_count` for no or too many messages, `too_large` for too
 * many bytes, and what BatchBuilder.tryAdd throws for a message that fits no batch.
 */
export function encodeBatch(contents: BatchContents): Uint8Array<ArrayBuffer> {
  const { messages, codec } = contents;
  if (messages.length > MAX_BATCH_MESSAGES) {
    throw new FramingError(
      'bad_count',
      BATCH_FIELDS.messageCount.at,
      `${messages.length} messages in a batch`,
    );
  }
  const builder = new BatchBuilder({ maxBytes: BATCH_HEADER_BYTES + MAX_RECORDS_BYTES, codec });
  for (const message of messages) {
    if (!builder.tryAdd(message)) {
      throw new FramingError(
        'too_large',
        builder.byteLength,
        `the records have more than ${MAX_RECORDS_BYTES} bytes`,
      );
    }
  }
  return builder.finish(contents.producer);
}

/**
 * Checks all of a batch that must fill `bytes` exactly: header, length, CRC and every record (decompressed if need
 * be), so that whoever reads it later can. What a leader does before it takes a batch in. Throws FramingError.
 */
export function checkBatch(bytes: Uint8Array): BatchHeader {
  const header = openBatch(bytes);
  const cursor = recordsOf(bytes, header);
  for (let left = header.messageCount; left > 0; left -= 1) {
    requireMore(cursor, header);
    checkRecord(cursor);
  }
  requireEnd(cursor, header);
  return header;
}

/** Reads a batch that must fill `bytes` exactly, with the checks of checkBatch. Values are views, not copies. */
export function decodeBatch(bytes: Uint8Array): { header: BatchHeader; messages: Message[] } {
  openBatch(bytes);
  return decodeStoredBatch(bytes);
}

/**
 * The same for a batch that decodeCommit has taken out of a commit: the commit's CRC has vouched for all of its bytes, so
 * its own is not computed again.
 */
export function decodeStoredBatch(bytes: Uint8Array): { header: BatchHeader; messages: Message[] } {
  const header = requireExtent(bytes);
  const cursor = recordsOf(bytes, header);
  const messages: Message[] = [];
  for (let left = header.messageCount; left > 0; left -= 1) {
    requireMore(cursor, header);
    messages.push(readRecord(cursor));
  }
  requireEnd(cursor, header);
  return { header, messages };
}

/** Header, exact length and CRC. */
function openBatch(bytes: Uint8Array): BatchHeader {
  const header = requireExtent(bytes);
  requireCrc(bytes);
  return header;
}

function requireExtent(bytes: Uint8Array): BatchHeader {
  const header = decodeBatchHeader(bytes);
  if (bytes.byteLength < header.byteLength) {
    throw new FramingError('truncated', bytes.byteLength, `the batch has ${header.byteLength} bytes`);
  }
  if (bytes.byteLength > header.byteLength) {
    throw new FramingError('trailing_bytes', header.byteLength, 'more after the end of the batch');
  }
  return header;
}

function requireCrc(bytes: Uint8Array): void {
  if (crc32(bytes.subarray(BATCH_CRC_START)) !== viewOf(bytes).getUint32(BATCH_FIELDS.crc.at, true)) {
    throw new FramingError('bad_crc', BATCH_FIELDS.crc.at, 'the batch does not match its CRC');
  }
}

function recordsOf(bytes: Uint8Array, header: BatchHeader): Cursor {
  const start = BATCH_HEADER_BYTES;
  if (header.codec === 'none') return new Cursor(bytes, { start, end: bytes.byteLength, base: 0 });
  const where = { at: start, lengthAt: BATCH_FIELDS.recordsBytes.at };
  const records = decompress(bytes.subarray(start), header.recordsBytes, where);
  return new Cursor(records, { start: 0, end: records.byteLength, base: start });
}

function requireMore(cursor: Cursor, header: BatchHeader): void {
  if (cursor.at < cursor.end) return;
  throw new FramingError(
    'bad_count',
    BATCH_FIELDS.messageCount.at,
    `fewer than ${header.messageCount} records`,
  );
}

function requireEnd(cursor: Cursor, header: BatchHeader): void {
  if (cursor.at === cursor.end) return;
  throw new FramingError(
    'bad_count',
    BATCH_FIELDS.messageCount.at,
    `more than ${header.messageCount} records`,
  );
}

/**
 * A copy of a batch under another producer identity, its records untouched. For whoever passes batches on under an
 * identity of their own. Throws FramingError for what is no batch, or no producer.
 */
export function withProducer(bytes: Uint8Array, producer: ProducerIdentity): Uint8Array<ArrayBuffer> {
  const header = openBatch(bytes);
  const copy = new Uint8Array(bytes);
  writeBatchHeader(copy, { ...header, producer });
  viewOf(copy).setUint32(BATCH_FIELDS.crc.at, crc32(copy.subarray(BATCH_CRC_START)), true);
  return copy;
}
