import type { SubscriptionRequest } from '@message-vault/bus';
import type { Position } from '@message-vault/log';
import { parseName } from '@message-vault/metadata';
import { z } from 'zod';
import { HttpProblem } from '../problems.ts';
import { parsePosition } from '../read/position.ts';

const TARGET =
  '{"name": "…"} or {"webhook": "https://…", "secret": "…"}, of which the secret may be left out';
const targetSchema = z.union(
  [
    z.strictObject({ name: z.string() }, said(TARGET)),
    z.strictObject({ webhook: z.string(), secret: z.string().optional() }, said(TARGET)),
  ],
  `expected ${TARGET}`,
);

const subscriptionSchema = z.strictObject(
  {
    target: targetSchema,
    /** As in a read of the stream. */
    from: z
      .union(
        [z.string(), z.int().nonnegative()],
        'expected a place like earliest, latest, an offset, seq:N, time:2026-11-20T07:00:00Z or last:N',
      )
      .optional(),
    filter: z.string("expected a condition as a text, like key = 'a'").optional(),
    expires: z.iso
      .datetime({ offset: true, error: 'expected an instant like 2026-11-20T07:00:00Z' })
      .optional(),
  },
  said('an object with the member target, and from, filter and expires if they are wanted'),
);

const changeSchema = z.strictObject(
  { state: z.enum(['active', 'paused'], 'expected "active" or "paused"') },
  said('{"state": "active"} or {"state": "paused"}'),
);

/** What is wrong with an object, and what would be right, instead of the schema library's own words. */
function said(expected: string): { error: z.core.$ZodErrorMap } {
  return {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `${JSON.stringify(issue.keys[0])} is no member of it: expected ${expected}`
        : `expected ${expected}`,
  };
}

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
  const [issue] = result.error.issues;
  const member = issue?.path.join('.') ?? '';
  const where = member === '' ? '' : `its member ${member}: `;
  throw new HttpProblem(
    'bad_body',
    `this is not ${what}: ${where}${issue?.message ?? 'expected another shape'}`,
  );
}
