import type { SubscriptionRequest } from '@message-vault/bus';
import { parseName } from '@message-vault/metadata';
import { z } from 'zod';
import { HttpProblem } from '../problems.ts';
import { parsePosition } from '../read/position.ts';

const targetSchema = z.union(
  [
    z.strictObject({ name: z.string() }),
    z.strictObject({ webhook: z.string(), secret: z.string().optional() }),
  ],
  'expected {"name": "…"} or {"webhook": "https://…"}',
);

const subscriptionSchema = z.strictObject({
  target: targetSchema,
  /** As in a read of the stream. */
  from: z.union([z.string(), z.int().nonnegative()]).optional(),
  filter: z.string().optional(),
  expires: z.iso.datetime({ offset: true }).optional(),
});

const changeSchema = z.strictObject({ state: z.enum(['active', 'paused']) });

/** What a body asks to subscribe. Throws HttpProblem `bad_body`, `bad_parameter`; NameError. */
export function parseSubscription(json: unknown): SubscriptionRequest {
  const { target, from, filter, expires } = checked(subscriptionSchema, json, 'a subscription');
  return {
    target: 'name' in target ? { name: parseName(target.name) } : target,
    from: from === undefined ? undefined : parsePosition(String(from)),
    filter,
    expiresAt: expires === undefined ? undefined : Date.parse(expires),
  };
}

export function parseChange(json: unknown): 'active' | 'paused' {
  return checked(changeSchema, json, 'a change of a subscription').state;
}

function checked<T>(schema: z.ZodType<T>, json: unknown, what: string): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw new HttpProblem('bad_body', `this is not ${what}: ${z.prettifyError(result.error)}`);
}
