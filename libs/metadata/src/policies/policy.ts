import { z } from 'zod';
import { commonPolicySchema } from './common.ts';
import type { PolicyRole } from './fields.ts';
import { queuePolicySchema } from './queue.ts';
import { metadataPolicySchema } from './reference.ts';
import { routerPolicySchema } from './router.ts';
import { streamPolicySchema } from './stream.ts';

/** A role and its policy, as stored: numbers with units, defaults filled in. */
export const rolePolicySchema = z.discriminatedUnion('role', [
  z.strictObject({ role: z.literal('stream'), policy: streamPolicySchema }),
  z.strictObject({ role: z.literal('queue'), policy: queuePolicySchema }),
  z.strictObject({ role: z.literal('router'), policy: routerPolicySchema }),
  z.strictObject({ role: z.literal('connection-point'), policy: commonPolicySchema }),
  z.strictObject({ role: z.literal('metadata'), policy: metadataPolicySchema }),
]);

export type RolePolicy = z.infer<typeof rolePolicySchema>;

export const POLICY_ROLES = [
  'stream',
  'queue',
  'router',
  'connection-point',
  'metadata',
] as const satisfies PolicyRole[];
