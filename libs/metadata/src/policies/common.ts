import { z } from 'zod';

/** Who needs to show credentials for a name's messages. */
export const AUTHORIZATIONS = ['none', 'required', 'required-to-send', 'required-to-receive'] as const;
/** Who finds a name in listings; each includes those before it. */
export const DISCOVERABILITIES = ['managers', 'listeners', 'senders', 'public'] as const;
export const TRANSPORT_PROTECTIONS = ['none', 'all-paths'] as const;
/** What happens to a message that finds no room: refused, taken and thrown away, or taken in the place of the oldest. */
export const OVERFLOWS = ['reject', 'discard-incoming', 'discard-existing'] as const;

export type Overflow = (typeof OVERFLOWS)[number];

/** The fields every role has, to be spread into the schema of its policy. */
export const commonPolicyFields = {
  authorization: z.enum(AUTHORIZATIONS).default('required'),
  discoverability: z.enum(DISCOVERABILITIES).default('managers'),
  /** `all-paths`: plain HTTP is refused. */
  transportProtection: z.enum(TRANSPORT_PROTECTIONS).default('none'),
  /** Milliseconds since 1970 at which the role goes back to none by itself; unset: never. */
  expiresAt: z.int().nonnegative().optional(),
};

/** Of a connection point, which has nothing but what all have. */
export const commonPolicySchema = z.strictObject(commonPolicyFields);

export type CommonPolicy = z.infer<typeof commonPolicySchema>;
