import type { Stage } from '../drill.ts';
import { DrillError } from '../errors.ts';

/** Id of the node that leads. Throws DrillError when none does. */
export function rulingNode({ watch }: Stage): string {
  const nodeId = watch.ruling?.nodeId;
  if (nodeId === undefined) throw new DrillError('not_settled', 'no node leads');
  return nodeId;
}
