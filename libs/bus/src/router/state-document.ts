/*
 * `routers/<router id>`: who subscribes to a router. Rewritten when a subscription changes, and once by every new leader,
 * who puts its epoch in: see claimed-document.ts.
 */
import { z } from 'zod';
import { codecOf } from './document-codec.ts';
import { positionSchema } from './position.ts';

const nameTargetSchema = z.strictObject({
  kind: z.literal('name'),
  name: z.string(),
  role: z.enum(['stream', 'queue', 'router']),
  /** Of the stream, queue or router: another one of the same name is not what was subscribed. */
  id: z.uuid(),
});

const webhookTargetSchema = z.strictObject({
  kind: z.literal('webhook'),
  url: z.string(),
  /** Newest first. Two while a rotation is going on: both sign. */
  secrets: z.array(z.string()).min(1).max(2),
  /** What the handshake has brought. */
  origin: z.string(),
  allowedRatePerMinute: z.number().positive().optional(),
});

const subscriptionSchema = z.strictObject({
  id: z.uuid(),
  target: z.discriminatedUnion('kind', [nameTargetSchema, webhookTargetSchema]),
  filter: z.string().optional(),
  /** Where it began in the router's stream: its first cursor. */
  start: positionSchema,
  /** Milliseconds since 1970. */
  createdAt: z.int().nonnegative(),
  expiresAt: z.int().nonnegative().optional(),
  /** `ended`: the target is gone or wants nothing any more; `reason` says which. */
  state: z.enum(['active', 'paused', 'ended']),
  reason: z.string().optional(),
  endedAt: z.int().nonnegative().optional(),
});

const stateSchema = z.strictObject({
  version: z.literal(1),
  routerId: z.uuid(),
  /** The router's name, to find its document by. */
  name: z.string(),
  /** Of the leader that wrote it last. */
  epoch: z.int().nonnegative(),
  subscriptions: z.array(subscriptionSchema),
});

export type NameTarget = z.infer<typeof nameTargetSchema>;
export type WebhookSubscriber = z.infer<typeof webhookTargetSchema>;
export type Subscription = z.infer<typeof subscriptionSchema>;
export type RouterState = z.infer<typeof stateSchema>;

export const STATE_PREFIX = 'routers/';

export function statePath(routerId: string): string {
  return STATE_PREFIX + routerId;
}

export const stateCodec = codecOf(stateSchema, 'a router’s subscriptions');
