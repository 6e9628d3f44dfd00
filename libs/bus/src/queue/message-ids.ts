import { createHash } from 'node:crypto';
import type { ProducerIdentity } from '@message-vault/framing';
import type { Runtime } from '@message-vault/runtime';

/**
 * Ids of `count` messages enqueued together, UUIDs of RFC 9562. With a producer's identity they are made from it
 * (version 8): the same batch sent again has the same ids, so a consumer can tell. Without one they are new, and sort by
 * time (version 7).
 */
export function messageIds(
  runtime: Runtime,
  queueId: string,
  count: number,
  producer: ProducerIdentity | undefined,
): string[] {
  return Array.from({ length: count }, (_, index) =>
    producer === undefined ? timedId(runtime) : producedId(queueId, producer, index),
  );
}

function timedId(runtime: Runtime): string {
  const bytes = Buffer.from(runtime.randomBytes(16));
  bytes.writeUIntBE(Math.max(0, runtime.now()), 0, 6);
  return uuid(bytes, 7);
}

function producedId(queueId: string, { id, epoch, sequence }: ProducerIdentity, index: number): string {
  const digest = createHash('sha256').update(`${queueId} ${id} ${epoch} ${sequence} ${index}`).digest();
  return uuid(digest.subarray(0, 16), 8);
}

function uuid(bytes: Buffer, version: number): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
