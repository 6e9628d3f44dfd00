import { z } from 'zod';
import { commonPolicyFields, OVERFLOWS } from './common.ts';
import { MAX_MESSAGE_BYTES } from './stream.ts';

const SECOND_MS = 1000;
const DAY_MS = 24 * 3600 * SECOND_MS;

/** How many subscriptions a router may have, whatever its policy: they are one document. */
export const MAX_SUBSCRIBERS = 1000;

/** How a router hands on what flows in. */
export const routerPolicySchema = z.strictObject({
  ...commonPolicyFields,
  /** `all`: every subscriber gets every message; `one`: each message goes to one of them, chosen at random. */
  distribution: z.enum(['all', 'one']).default('all'),
  /** Largest value of a message, bytes. */
  maxMessageSize: z.int().min(1).max(MAX_MESSAGE_BYTES).default(MAX_MESSAGE_BYTES),
  maxSubscribers: z.int().positive().max(MAX_SUBSCRIBERS).default(MAX_SUBSCRIBERS),
  /** Times a push is tried again before the message is dead-lettered. */
  pushDeliveryRetries: z.int().nonnegative().max(1000).default(10),
  /** Milliseconds a subscriber has to answer a push. */
  pushDeliveryTimeoutMs: z
    .int()
    .min(100)
    .max(300 * SECOND_MS)
    .default(10 * SECOND_MS),
  /** Milliseconds a message waits for a subscriber that can't take it. */
  bufferTimeoutMs: z
    .int()
    .min(SECOND_MS)
    .default(7 * DAY_MS),
  /** Messages that may wait for a subscriber; unset: as many as come. */
  maxQueueLength: z.int().positive().optional(),
  /** Bytes that may wait for a subscriber; unset: as many as come. */
  maxQueueCapacityBytes: z.int().positive().optional(),
  overflow: z.enum(OVERFLOWS).default('reject'),
});

export type RouterPolicy = z.infer<typeof routerPolicySchema>;
