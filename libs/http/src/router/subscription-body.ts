import type { SubscriptionRequest } from '@message-vault/bus';
import type { Position } from '@message-vault/log';
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

/** What a body asks to subscribe. Throws HttpProblem `bad_body`; NameError. */
export function parseSubscription(json: unknown): SubscriptionRequest {
  const { target, from, filter, expires } = checked(subscriptionSchema, json, 'a subscription');
  return {
    target: 'name' in target ? { name: parseName(target.name) } : target,
    from: from === undefined ? undefined : positionOf(from),
    filter,
    expiresAt: expires === undefined ? undefined : Date.parse(expires),
  };
}

/** Written as in a query, where what is wrong with it would be a parameter's fault. */
function positionOf(from: string | number): Position {
  try {
    return parsePosition(String(from));
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error;
    throw new HttpProblem('bad_body', `this is not a subscription: its member ${error.message}`);
  }
}

export function parseChange(json: unknown): 'active' | 'paused' {
  return checked(changeSchema, json, 'a change of a subscription').state;
}

function checked<T>(schema: z.ZodType<T>, json: unknown, what: string): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw new HttpProblem('bad_body', `this is not ${what}: ${z.prettifyError(result.error)}`);
}
