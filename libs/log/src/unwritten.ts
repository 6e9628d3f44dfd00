import { PAGE_BYTES } from '@message-vault/framing';
import type { CallOptions, PageStore, SegmentRef } from '@message-vault/storage';

/**
 * Whether no page of the segment is written. A segment that is not the newest and holds nothing is none of the log's: a
 * delayed request made it, after retention had deleted the one of that name (docs/protocol.md, "Ghosts").
 *
 * One small read, and only where that finds nothing two calls more. Errors: `not_found`, `unavailable`.
 */
export async function isUnwritten(
  pages: PageStore,
  ref: SegmentRef,
  options: CallOptions = {},
): Promise<boolean> {
  const first = await pages.readRange(ref, { offset: 0, length: PAGE_BYTES }, options);
  if (first.status !== 'read' || first.bytes.some((byte) => byte !== 0)) return false;
  const { sizeBytes } = await pages.segmentProperties(ref, options);
  return (await pages.writtenRanges(ref, { offset: 0, length: sizeBytes }, options)).length === 0;
}
