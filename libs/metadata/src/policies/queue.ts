import { z } from 'zod';
import { commonPolicyFields, OVERFLOWS } from './common.ts';
import { MAX_MESSAGE_BYTES } from './stream.ts';

const SECOND_MS = 1000;
const DAY_MS = 24 * 3600 * SECOND_MS;

/** A lock is a visibility timeout of an Azure Storage queue, which ends after seven days. */
const MAX_LOCK_MS = 7 * DAY_MS;
/** More attempts than anybody makes: a queue whose messages are never given up. */
export const MAX_DEQUEUE_RETRIES = 1_000_000;
const MAX_ENQUEUE_TIMEOUT_MS = 60 * SECOND_MS;

/** How a queue keeps its messages and gives them out. */
export const queuePolicySchema = z.strictObject({
  ...commonPolicyFields,
  /** Largest value of a message, bytes. */
  maxMessageSize: z.int().min(1).max(MAX_MESSAGE_BYTES).default(MAX_MESSAGE_BYTES),
  /** Milliseconds after which a message nobody has taken is gone; unset: never. */
  maxMessageAgeMs: z.int().min(SECOND_MS).optional(),
  /** Messages that may wait; unset: as many as storage takes. */
  maxQueueLength: z.int().positive().optional(),
  /** Bytes of values that may wait; unset: as many as storage takes. */
  maxQueueCapacityBytes: z.int().positive().optional(),
  overflow: z.enum(OVERFLOWS).default('reject'),
  /** Milliseconds a taken message is nobody else's. */
  lockDurationMs: z
    .int()
    .min(SECOND_MS)
    .max(MAX_LOCK_MS)
    .default(60 * SECOND_MS),
  /** Times a message is given out again after the first; then it is dead-lettered, or dropped. */
  maxDequeueRetries: z.int().nonnegative().max(MAX_DEQUEUE_RETRIES).default(10),
  /** A message that was given out too often is thrown away instead of dead-lettered. */
  poisonMessageDrop: z.boolean().default(false),
  /** Milliseconds a message may wait for room before it is refused; 0: it is refused at once. */
  enqueueTimeoutMs: z.int().nonnegative().max(MAX_ENQUEUE_TIMEOUT_MS).default(0),
  /** Messages that may be under lock at once, over the whole cluster: who asks for more waits; unset: any number. */
  maxConcurrentReaders: z.int().positive().optional(),
});

export type QueuePolicy = z.infer<typeof queuePolicySchema>;
