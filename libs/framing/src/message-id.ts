/*
 * Message id: a UUIDv7 (RFC 9562) made from where and when a message stands, so that it is the same wherever it is
 * computed, sorts in the order of its stream and can be taken apart again. Bits, most significant first:
 *
 *   offset  bits  field
 *        0    48  timestamp, milliseconds since 1970-01-01 UTC
 *       48     4  UUID version, 7
 *       52    12  sequence number, its upper 12 bits    (rand_a)
 *       64     2  UUID variant, binary 10
 *       66    41  sequence number, its lower 41 bits    (rand_b, from here)
 *      107    21  hash of the stream id: the lower 21 bits of the CRC-32 of its 16 bytes
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { FramingError } from './errors.ts';
import { assertFieldsFill } from './layout.ts';
import { MAX_TIMESTAMP } from './limits.ts';
import { formatUuid, isUuid, UUID_BYTES, writeUuid } from './uuid.ts';

/** Here places and sizes are in bits. */
export const MESSAGE_ID_BITS = {
  timestamp: { at: 0, bytes: 48 },
  version: { at: 48, bytes: 4 },
  sequenceHigh: { at: 52, bytes: 12 },
  variant: { at: 64, bytes: 2 },
  sequenceLow: { at: 66, bytes: 41 },
  streamHash: { at: 107, bytes: 21 },
} as const;
assertFieldsFill('message id', UUID_BYTES * 8, MESSAGE_ID_BITS);

const SEQUENCE_LOW = 2 ** MESSAGE_ID_BITS.sequenceLow.bytes;
const STREAM_HASHES = 2 ** MESSAGE_ID_BITS.streamHash.bytes;
/** The lower 11 bits of the sequence number share the last four bytes with the stream's hash. */
const SEQUENCE_TAIL = 2 ** (32 - MESSAGE_ID_BITS.streamHash.bytes);
const VERSION_7 = 0x7000;
const VARIANT_10 = 0x80000000;

export interface MessageIdParts {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestamp: number;
  readonly sequenceNumber: number;
  /** 21 bits: enough to notice an id of another stream, not to identify one. */
  readonly streamHash: number;
}

/** The last stream asked for: ids are made for long runs of messages of one stream. */
let lastHash = { streamId: '', hash: 0 };

/** 21 bits from a stream id. Throws `bad_value` for what is no UUID. */
export function streamHash(streamId: string): number {
  if (lastHash.streamId !== streamId) {
    const bytes = new Uint8Array(UUID_BYTES);
    writeUuid(bytes, 0, streamId, 'stream id');
    lastHash = { streamId, hash: crc32(bytes) % STREAM_HASHES };
  }
  return lastHash.hash;
}

/** The id of a message. Throws `bad_value` for a timestamp above 2^48 - 1 or anything that is no integer from 0. */
export function messageId(streamId: string, timestamp: number, sequenceNumber: number): string {
  requireRange(timestamp, MAX_TIMESTAMP, 'timestamp');
  requireRange(sequenceNumber, Number.MAX_SAFE_INTEGER, 'sequence number');
  const low = sequenceNumber % SEQUENCE_LOW;
  const high = (sequenceNumber - low) / SEQUENCE_LOW;
  const tail = low % SEQUENCE_TAIL;
  const lastWord = tail * STREAM_HASHES + streamHash(streamId);
  const time = hex(timestamp, 12);
  const middle = hex(VARIANT_10 + (low - tail) / SEQUENCE_TAIL, 8);
  return formatUuid(time + hex(VERSION_7 + high, 4) + middle + hex(lastWord, 8));
}

/** Takes an id apart. Throws `bad_message_id` for what is no UUID of version 7. */
export function parseMessageId(id: string): MessageIdParts {
  if (!isUuid(id)) throw new FramingError('bad_message_id', 0, 'not a UUID');
  const bytes = Buffer.from(id.replaceAll('-', ''), 'hex');
  const high = bytes.readUInt16BE(6) - VERSION_7;
  if (high < 0 || high > 0xfff) throw new FramingError('bad_message_id', 6, 'not a UUID of version 7');
  const middle = bytes.readUInt32BE(8) - VARIANT_10;
  if (middle < 0 || middle >= VARIANT_10 / 2)
    throw new FramingError('bad_message_id', 8, 'not a UUID of RFC 9562');
  const lastWord = bytes.readUInt32BE(12);
  const streamHash = lastWord % STREAM_HASHES;
  const low = middle * SEQUENCE_TAIL + (lastWord - streamHash) / STREAM_HASHES;
  return { timestamp: bytes.readUIntBE(0, 6), sequenceNumber: high * SEQUENCE_LOW + low, streamHash };
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

function requireRange(value: number, max: number, what: string): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return;
  throw new FramingError('bad_value', 0, `${what} must be an integer from 0 to ${max}, got ${value}`);
}
