import { z } from 'zod';

/** Path of the claim document, beside the leader document. */
export const CLAIM_PATH = 'leader-claim';

const claimSchema = z.strictObject({
  version: z.literal(1),
  /** The highest epoch anybody has led under. */
  epoch: z.int().positive(),
  nodeId: z.string().min(1).max(128),
  /** UUID of one attempt to lead: tells two processes of the same configuration apart. */
  claimId: z.uuid(),
});

/**
 * Written after the leader document and before the first act of a leader. Since nobody leads without it, a leader
 * document that is missing beside a claim, or older than it, has been lost; one that is missing without is yet to be.
 */
export type ClaimDocument = z.infer<typeof claimSchema>;

export function encodeClaim(claim: ClaimDocument): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(claimSchema.parse(claim)));
}

/** Undefined when `body` is no claim. */
export function parseClaim(body: Uint8Array): ClaimDocument | undefined {
  try {
    return claimSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)));
  } catch {
    return undefined;
  }
}
