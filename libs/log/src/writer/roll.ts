import { LogError } from '../errors.ts';
import { isNewest } from './newest.ts';
import { type ClaimContext, type ClaimedSegment, claimSegment } from './segment.ts';
import { findWrittenEnd } from './written-end.ts';

/**
 * The segment after one that this writer closed itself: created, or, if it is there already (an earlier try of ours whose
 * answer was lost), fenced. Only a leader that has seen our closing commit could have written to it, and that is a newer
 * one: then fencing has told so, or, if its retention has deleted that segment since, that ours is not the newest.
 * Harmless to repeat. Throws LogError `not_leader`, StorageErrors.
 */
export async function claimEmptySegment(
  context: ClaimContext,
  firstPage: number,
  segmentBytes: number,
): Promise<ClaimedSegment> {
  const claimed = await claimSegment(context, firstPage, segmentBytes);
  const isEmpty = claimed.fresh || (await findWrittenEnd(context.calls, claimed)) === firstPage;
  if (isEmpty && (await isNewest(context.calls, claimed.ref))) return claimed;
  const reason = `somebody has written to segment ${claimed.ref.segment} of ${context.stream.name} before its leader`;
  context.leadership.lost(reason);
  throw new LogError('not_leader', reason);
}
