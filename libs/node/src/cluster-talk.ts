import type { ClusterHint, WitnessAnswer } from '@message-vault/election';
import { HttpProblem } from '@message-vault/http';
import { z } from 'zod';

/** Whoever doesn't know must not count as a voice against the leader. */
export function reached(answer: WitnessAnswer): boolean {
  if (answer !== 'no_answer') return answer === 'reachable';
  throw new HttpProblem('not_ready', 'this node does not know the leader yet');
}

const hintSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('take-over'), epoch: z.int().nonnegative() }),
  z.object({
    kind: z.literal('leader-changed'),
    epoch: z.int().nonnegative(),
    nodeId: z.string(),
    url: z.string(),
  }),
]);

/** Throws HttpProblem `bad_body`. */
export function parseHint(hint: unknown): ClusterHint {
  const result = hintSchema.safeParse(hint);
  if (result.success) return result.data;
  throw new HttpProblem('bad_body', `this is not a hint: ${z.prettifyError(result.error)}`);
}
