import { decodeBatch, FramingError, type Message } from '@message-vault/framing';
import type { QueueDocument } from '@message-vault/metadata';
import type { PeekedMessage } from '@message-vault/storage';
import type { Bodies } from './bodies.ts';
import type { QueueContext } from './context.ts';
import { type DeadLetterNote, decodeEnvelope } from './envelope.ts';
import { EnvelopeError } from './errors.ts';

/** A message as it lies in the queue; whoever sees it has no claim to it. */
export interface PeekedQueueMessage {
  readonly id: string;
  /** Undefined for one whose body can't be read. */
  readonly message: Message | undefined;
  /** How many times it has been delivered so far. */
  readonly deliveries: number;
  readonly enqueuedAt: number;
  readonly expiresAt: number | undefined;
  readonly deadLetter: DeadLetterNote | undefined;
  readonly redrives: number;
}

/** Shows up to `max` messages nobody has under lock, about the oldest first, as `bytes` of bodies allow. Errors: StorageError. */
export async function peek(
  { queues, runtime, limits }: QueueContext,
  bodies: Bodies,
  document: QueueDocument,
  max: number,
): Promise<PeekedQueueMessage[]> {
  const found = await queues.peek(document.queue, Math.min(max, limits.maxPeek));
  const shown: PeekedQueueMessage[] = [];
  let bytes = 0;
  for (const each of found) {
    const message = await open(bodies, document, each);
    if (message === undefined || (message.expiresAt ?? Number.POSITIVE_INFINITY) <= runtime.now()) continue;
    bytes += message.message?.value.byteLength ?? 0;
    // What one answer holds is bounded; the first is shown whatever its size.
    if (shown.length > 0 && bytes > MAX_BYTES) break;
    shown.push(message);
  }
  return shown;
}

const MAX_BYTES = 8 * 1024 * 1024;

/** Undefined for what is no message of ours. */
async function open(
  bodies: Bodies,
  document: QueueDocument,
  { body: raw, dequeueCount }: PeekedMessage,
): Promise<PeekedQueueMessage | undefined> {
  try {
    const { body, uncounted, ...envelope } = decodeEnvelope(raw);
    const shared = { ...envelope, deliveries: Math.max(0, dequeueCount - uncounted) };
    if ('batch' in body) return { ...shared, message: decodeBatch(body.batch).messages[0] };
    const loaded = await bodies.load(document.container, body.bodyId, body.byteLength);
    const message = loaded && decodeBatch(loaded.bytes).messages[0];
    loaded?.release();
    return { ...shared, message };
  } catch (error) {
    if (error instanceof EnvelopeError || error instanceof FramingError) return undefined;
    throw error;
  }
}
