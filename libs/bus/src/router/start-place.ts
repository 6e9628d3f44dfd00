import type { Position } from '@message-vault/log';
import type { DistributionHost } from './distribution.ts';
import type { StreamPlace } from './position.ts';

/** The place a position names, in both measures. Errors: those of a StreamReader. */
export async function placeOf(
  { intake, tail }: Pick<DistributionHost, 'intake' | 'tail'>,
  position: Position,
): Promise<StreamPlace> {
  if ('at' in position && position.at === 'latest') return tail();
  const offset = await intake.resolve(position);
  if (offset >= tail().offset) return tail();
  const { batches } = await intake.read(offset);
  const [batch] = batches;
  if (batch === undefined) return { ...tail(), offset };
  const skipped = Math.max(0, offset - batch.start.offset);
  return { offset, sequenceNumber: batch.start.sequenceNumber + skipped };
}
