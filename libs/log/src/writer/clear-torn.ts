import { PAGE_BYTES } from '@message-vault/framing';
import { type ETag, isStorageError, StorageError } from '@message-vault/storage';
import { LogError } from '../errors.ts';
import { timedRead, timedWrite } from './calls.ts';
import type { ClaimContext, ClaimedSegment } from './segment.ts';

/**
 * Turns the pages of a torn write back to unwritten ones and answers the segment's version after it. No pages
 * given (an earlier try was applied, its answer lost) clears nothing. Throws passing StorageErrors for the caller to
 * repeat all of it, LogError `not_leader` when another leader fenced the segment in between.
 */
export async function clearTorn(
  context: ClaimContext,
  claimed: ClaimedSegment,
  pages: { fromPage: number; toPage: number },
): Promise<ETag> {
  const { calls, leadership } = context;
  const offset = (pages.fromPage - claimed.firstPage) * PAGE_BYTES;
  const range = { offset, length: (pages.toPage - pages.fromPage) * PAGE_BYTES };
  const { etag } = await timedRead(calls, (options) => calls.pages.segmentProperties(claimed.ref, options));
  if (range.length === 0) return etag;
  try {
    const conditions = { epoch: leadership.epoch, etag };
    const cleared = await timedWrite(calls, (options) =>
      calls.pages.clearPages(claimed.ref, range, conditions, options),
    );
    return cleared.etag;
  } catch (error) {
    if (isStorageError(error, 'etag_mismatch')) {
      throw new StorageError('unavailable', 'the segment changed while it was being cleared', {
        cause: error,
      });
    }
    if (!isStorageError(error, 'epoch_fenced')) throw error;
    const reason = `segment ${claimed.ref.segment} of ${context.stream.name} was fenced by a newer leader`;
    leadership.lost(reason);
    throw new LogError('not_leader', reason, {}, error);
  }
}
