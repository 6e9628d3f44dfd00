import type { QueueDocument } from '@message-vault/metadata';
import type { PeekedMessage } from '@message-vault/storage';
import type { QueueContext } from './context.ts';
import { decodeEnvelope, type Envelope } from './envelope.ts';
import { EnvelopeError } from './errors.ts';

/** What a queue holds, by what storage says: about right, and exact for what nobody is working on. */
export interface QueueStats {
  /** Messages that wait, are not due yet or are under lock. */
  readonly depth: number;
  /**
   * Of those, the ones nobody can receive now: under lock, or not due yet. Storage shows the first 32 only: undefined when
   * more are visible.
   */
  readonly locked: number | undefined;
  /** 0 for a queue of dead letters. */
  readonly deadLettered: number;
  /** Milliseconds since the oldest visible message was enqueued; undefined when none is visible. */
  readonly oldestAgeMs: number | undefined;
}

const MAX_SEEN = 32;

/** Errors: StorageError. */
export async function queueStats(
  { queues, runtime }: QueueContext,
  document: QueueDocument,
): Promise<QueueStats> {
  const isDeadLetter = document.deadLetterOf !== undefined;
  const [counted, seen, deadLetters] = await Promise.all([
    queues.properties(document.queue),
    queues.peek(document.queue, MAX_SEEN),
    isDeadLetter ? { approximateCount: 0 } : queues.properties(document.deadLetterQueue),
  ]);
  const now = runtime.now();
  const visible = seen.map(envelopeOf).filter((envelope) => !isExpired(envelope, now));
  const depth = Math.max(visible.length, counted.approximateCount - (seen.length - visible.length));
  const ages = visible.flatMap((envelope) =>
    envelope === undefined ? [] : [Math.max(0, now - envelope.enqueuedAt)],
  );
  return {
    depth,
    locked: seen.length < MAX_SEEN ? depth - visible.length : undefined,
    deadLettered: deadLetters.approximateCount,
    oldestAgeMs: ages.length === 0 ? undefined : Math.max(...ages),
  };
}

function isExpired(envelope: Envelope | undefined, now: number): boolean {
  return envelope?.expiresAt !== undefined && envelope.expiresAt <= now;
}

function envelopeOf({ body }: PeekedMessage): Envelope | undefined {
  try {
    return decodeEnvelope(body);
  } catch (error) {
    if (error instanceof EnvelopeError) return undefined;
    throw error;
  }
}
