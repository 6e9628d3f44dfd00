/*
 * Envelope: what a message of a storage queue holds. Integers are little-endian, texts are UTF-8.
 *
 *   offset  size  field
 *        0     4  magic "MVQ1"
 *        4     4  CRC-32 of everything after it
 *        8     1  version, 1
 *        9     1  flags: 1 the body is in the body store
 *       10     2  receives that brought the message to nobody and don't count as deliveries
 *       12    16  message id, a UUID
 *       28     8  enqueued at, milliseconds since 1970
 *       36     8  expires at, likewise; 0: never
 *       44     2  how many times it was brought back from the dead letters
 *       46     2  length of the reason why it was dead-lettered; 0 for what was not
 *       48     2  length of the name it was dead-lettered from
 *       50     2  length of the body's id
 *       52     4  length of the body
 *       56     …  reason, source, body's id; then the body, unless it is in the body store
 *
 * The body is one framing batch that holds one message: the project's one format for messages.
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { MAX_QUEUE_BODY_BYTES } from '@message-vault/storage';
import { EnvelopeError } from './errors.ts';

const MAGIC = 0x3151564d;
const VERSION = 1;
const FLAG_STORED = 1;
const CRC_FROM = 8;
const ENVELOPE_HEADER_BYTES = 56;
const MAX_COUNT = 0xffff;
/** Longest reason of a dead letter that is kept, bytes; what is longer is cut. */
const MAX_REASON_BYTES = 1024;

export interface DeadLetterNote {
  readonly reason: string;
  /** Name of the queue or router that gave the message up. */
  readonly source: string;
}

/** Where a message's batch is: here, or in the body store. */
export type EnvelopeBody =
  | { readonly batch: Uint8Array }
  | { readonly bodyId: string; readonly byteLength: number };

export interface Envelope {
  /** Stays with the message wherever it goes. */
  readonly id: string;
  /** Milliseconds since 1970, by the clock of the node that took it in. */
  readonly enqueuedAt: number;
  readonly expiresAt: number | undefined;
  /** Receives that brought it to nobody. */
  readonly uncounted: number;
  readonly redrives: number;
  readonly deadLetter: DeadLetterNote | undefined;
  readonly body: EnvelopeBody;
}

/** The most bytes a batch may have to travel in its envelope. */
export function inlineRoom(envelope: Omit<Envelope, 'body'>): number {
  return MAX_QUEUE_BODY_BYTES - ENVELOPE_HEADER_BYTES - textsOf(envelope).reduce(totalBytes, 0);
}

export function encodeEnvelope(envelope: Envelope): Uint8Array<ArrayBuffer> {
  const { body } = envelope;
  const stored = 'bodyId' in body;
  const texts = [...textsOf(envelope), Buffer.from(stored ? body.bodyId : '')];
  const inline = stored ? Buffer.alloc(0) : body.batch;
  const bytes = Buffer.concat([Buffer.alloc(ENVELOPE_HEADER_BYTES), ...texts, inline]);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt8(VERSION, 8);
  bytes.writeUInt8(stored ? FLAG_STORED : 0, 9);
  bytes.writeUInt16LE(Math.min(envelope.uncounted, MAX_COUNT), 10);
  bytes.write(envelope.id.replaceAll('-', ''), 12, 'hex');
  writeTime(bytes, 28, envelope.enqueuedAt);
  writeTime(bytes, 36, envelope.expiresAt ?? 0);
  bytes.writeUInt16LE(Math.min(envelope.redrives, MAX_COUNT), 44);
  texts.forEach((text, index) => void bytes.writeUInt16LE(text.length, 46 + 2 * index));
  bytes.writeUInt32LE(stored ? body.byteLength : inline.byteLength, 52);
  bytes.writeUInt32LE(crc32(bytes.subarray(CRC_FROM)), 4);
  return bytes;
}

/** Reads an envelope; a batch in it is a view, not a copy, and not looked into. Throws EnvelopeError. */
export function decodeEnvelope(raw: Uint8Array): Envelope {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  check(bytes);
  const lengths = [46, 48, 50].map((at) => bytes.readUInt16LE(at));
  const ends: number[] = [];
  for (const length of lengths) ends.push((ends.at(-1) ?? ENVELOPE_HEADER_BYTES) + length);
  const [reasonEnd = 0, sourceEnd = 0, idEnd = 0] = ends;
  const byteLength = bytes.readUInt32LE(52);
  const stored = (bytes.readUInt8(9) & FLAG_STORED) !== 0;
  if (bytes.length !== idEnd + (stored ? 0 : byteLength))
    throw new EnvelopeError('its lengths do not add up');
  const reason = bytes.toString('utf8', ENVELOPE_HEADER_BYTES, reasonEnd);
  const source = bytes.toString('utf8', reasonEnd, sourceEnd);
  return {
    id: readId(bytes),
    enqueuedAt: readTime(bytes, 28),
    expiresAt: readTime(bytes, 36) || undefined,
    uncounted: bytes.readUInt16LE(10),
    redrives: bytes.readUInt16LE(44),
    deadLetter: reason === '' ? undefined : { reason, source },
    body: stored
      ? { bodyId: bytes.toString('utf8', sourceEnd, idEnd), byteLength }
      : { batch: bytes.subarray(idEnd) },
  };
}

function check(bytes: Buffer): void {
  if (bytes.length < ENVELOPE_HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC)
    throw new EnvelopeError('it does not begin as an envelope');
  if (crc32(bytes.subarray(CRC_FROM)) !== bytes.readUInt32LE(4))
    throw new EnvelopeError('it does not match its CRC');
  const [version = 0, flags = 0] = bytes.subarray(8, 10);
  if (version !== VERSION)
    throw new EnvelopeError(`it has version ${version}, expected ${VERSION}`, { isNewer: version > VERSION });
  if ((flags & ~FLAG_STORED) !== 0) throw new EnvelopeError('it has flags nobody knows');
}

function textsOf({ deadLetter }: Pick<Envelope, 'deadLetter'>): [reason: Buffer, source: Buffer] {
  if (deadLetter === undefined) return [Buffer.alloc(0), Buffer.alloc(0)];
  return [cut(deadLetter.reason || 'no reason was given'), Buffer.from(deadLetter.source)];
}

/** At most MAX_REASON_BYTES, and no half character at the end. */
function cut(text: string): Buffer {
  const bytes = Buffer.from(text);
  let end = Math.min(bytes.length, MAX_REASON_BYTES);
  while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}

function totalBytes(sum: number, text: Buffer): number {
  return sum + text.length;
}

function writeTime(bytes: Buffer, at: number, ms: number): void {
  bytes.writeBigUInt64LE(BigInt(Math.max(0, Math.floor(ms))), at);
}

function readTime(bytes: Buffer, at: number): number {
  const ms = bytes.readBigUInt64LE(at);
  if (ms > BigInt(Number.MAX_SAFE_INTEGER)) throw new EnvelopeError('it has a time beyond all times');
  return Number(ms);
}

function readId(bytes: Buffer): string {
  const hex = bytes.toString('hex', 12, 28);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
