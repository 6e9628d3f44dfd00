import type { SegmentRef } from '@message-vault/storage';
import { segmentName, segmentPages } from '../stream.ts';
import { type Calls, timedRead } from './calls.ts';

/**
 * Whether the segment is the stream's newest by a listing made now. Retention never deletes the newest, so one
 * that was deleted and made again by a delayed request has a newer one beside it for good. Whoever is about to write under a version
 * he has just learnt asks this afterwards: then that version is not a ghost's (docs/protocol.md, "Ghosts").
 *
 * Errors: StorageError `unavailable`, `throttled`, `not_found` (the container).
 */
export async function isNewest(calls: Calls, { container, segment }: SegmentRef): Promise<boolean> {
  const names = await timedRead(calls, (options) => calls.pages.listSegments(container, options));
  const newest = segmentPages(names).at(-1);
  return newest !== undefined && segmentName(newest) === segment;
}
