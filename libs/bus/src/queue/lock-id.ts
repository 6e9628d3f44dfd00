/*
 * Lock id: base64url of a tag and what it is a tag of, so that any node can tell what a consumer holds without having
 * given it out.
 *
 *   offset  size  field
 *        0    16  HMAC-SHA256 by the cluster's secret over everything after it, its first 16 bytes
 *       16     1  version, 1
 *       17    16  id of the queue, a UUID
 *       33     8  until when it holds, milliseconds since 1970
 *       41     2  which delivery of the message this is
 *       43     1  length of the message's id in the storage queue
 *       44     2  length of the pop receipt
 *       46     1  length of the body's id; 0 when the body is in the message
 *       47     …  the three of them, ASCII
 *        …     4  how long it was given for, milliseconds; ids of before end without, and older nodes read over it
 */
import { Buffer } from 'node:buffer';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { QueueError } from './errors.ts';

const VERSION = 1;
const TAG_BYTES = 16;
const HEADER_BYTES = 47;
const LASTS_BYTES = 4;
const MAX_ID_CHARS = 2048;

/** No policy has longer locks, and no storage hides a message for longer. */
export const LONGEST_LOCK_MS = 7 * 24 * 3_600_000;

/** What a consumer holds a message by. */
export interface Lock {
  readonly queueId: string;
  /** Milliseconds since 1970. A renewal puts it off: see Renewals. */
  readonly until: number;
  /** How long it was given for; undefined when an older node gave it. */
  readonly lastsMs: number | undefined;
  /** 1 for the first. */
  readonly delivery: number;
  /** In the storage queue; not the message's own id. */
  readonly messageId: string;
  readonly popReceipt: string;
  readonly bodyId: string | undefined;
}

export function encodeLockId(lock: Lock, secret: Uint8Array): string {
  const texts = [lock.messageId, lock.popReceipt, lock.bodyId ?? ''].map((text) =>
    Buffer.from(text, 'latin1'),
  );
  const [messageId = Buffer.alloc(0), popReceipt = Buffer.alloc(0), bodyId = Buffer.alloc(0)] = texts;
  const lasts = Buffer.alloc(lock.lastsMs === undefined ? 0 : LASTS_BYTES);
  if (lock.lastsMs !== undefined) lasts.writeUInt32LE(lock.lastsMs);
  const bytes = Buffer.concat([Buffer.alloc(HEADER_BYTES), ...texts, lasts]);
  bytes.writeUInt8(VERSION, 16);
  bytes.write(lock.queueId.replaceAll('-', ''), 17, 'hex');
  bytes.writeBigUInt64LE(BigInt(Math.floor(lock.until)), 33);
  bytes.writeUInt16LE(Math.min(lock.delivery, 0xffff), 41);
  bytes.writeUInt8(messageId.length, 43);
  bytes.writeUInt16LE(popReceipt.length, 44);
  bytes.writeUInt8(bodyId.length, 46);
  tagOf(bytes, secret).copy(bytes);
  return bytes.toString('base64url');
}

/**
 * Undefined for what none of these secrets signed. Throws QueueError `lock_lost` for what is no lock id, and for one of
 * another queue.
 */
export function decodeLockId(id: string, queueId: string, secrets: readonly Uint8Array[]): Lock | undefined {
  const bytes = Buffer.from(id.length > MAX_ID_CHARS ? '' : id, 'base64url');
  // Other spellings of the same bytes are not ids that were given out.
  if (bytes.length < HEADER_BYTES || bytes.toString('base64url') !== id) throw notOurs();
  const tag = bytes.subarray(0, TAG_BYTES);
  if (!secrets.some((secret) => timingSafeEqual(tagOf(bytes, secret), tag))) return undefined;
  if (bytes.readUInt8(16) !== VERSION) throw notOurs();
  if (bytes.toString('hex', 17, 33) !== queueId.replaceAll('-', '').toLowerCase()) throw notOurs();
  const receiptAt = HEADER_BYTES + bytes.readUInt8(43);
  const bodyAt = receiptAt + bytes.readUInt16LE(44);
  const end = bodyAt + bytes.readUInt8(46);
  return {
    queueId,
    until: Number(bytes.readBigUInt64LE(33)),
    lastsMs: bytes.length < end + LASTS_BYTES ? undefined : bytes.readUInt32LE(end),
    delivery: bytes.readUInt16LE(41),
    messageId: bytes.toString('latin1', HEADER_BYTES, receiptAt),
    popReceipt: bytes.toString('latin1', receiptAt, bodyAt),
    bodyId: end === bodyAt ? undefined : bytes.toString('latin1', bodyAt, end),
  };
}

/**
 * Which entry of the storage queue a lock id is for, without asking whether anybody gave it out: for those who judge
 * what locks do. Undefined for what is no lock id.
 */
export function entryOfLock(id: string): string | undefined {
  const bytes = Buffer.from(id, 'base64url');
  if (bytes.length < HEADER_BYTES || bytes.readUInt8(16) !== VERSION) return undefined;
  return bytes.toString('latin1', HEADER_BYTES, HEADER_BYTES + bytes.readUInt8(43));
}

function tagOf(bytes: Buffer, secret: Uint8Array): Buffer {
  return createHmac('sha256', secret).update(bytes.subarray(TAG_BYTES)).digest().subarray(0, TAG_BYTES);
}

/** Of what was not given out by this cluster for this queue. */
export function notOurs(): QueueError {
  return new QueueError('lock_lost', 'this is not a lock of this queue');
}
