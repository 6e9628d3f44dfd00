import { MAX_COMMIT_BYTES, PAGE_BYTES } from '@message-vault/framing';
import { invariant } from '@message-vault/runtime';
import { type ETag, isStorageError, type SegmentRef, StorageError } from '@message-vault/storage';
import { LogError } from '../errors.ts';
import { type StreamRef, segmentRef } from '../stream.ts';
import { type Calls, timedRead, timedWrite } from './calls.ts';
import type { Leadership } from './leadership.ts';

/** A segment no older leader can write to any more. */
export interface ClaimedSegment {
  readonly ref: SegmentRef;
  readonly firstPage: number;
  readonly sizeBytes: number;
  /** Of our fence or creation: where the chain of our writes begins. */
  readonly etag: ETag;
  /** Created by this very call, so it is empty. */
  readonly fresh: boolean;
}

export interface ClaimContext {
  readonly calls: Calls;
  readonly stream: StreamRef;
  readonly leadership: Leadership;
}

/**
 * Raises the segment's epoch to ours: from here on no write of an older leader lands in it (I4).
 * Throws LogError `not_leader` when a newer leader was here first; StorageError `not_found` when it is gone.
 */
export async function fenceSegment(context: ClaimContext, firstPage: number): Promise<ClaimedSegment> {
  const { calls, leadership } = context;
  const ref = segmentRef(context.stream, firstPage);
  const fenced = await timedWrite(calls, (options) => calls.pages.fence(ref, leadership.epoch, options));
  if (fenced.epoch > leadership.epoch) {
    const reason = `segment ${ref.segment} of ${context.stream.name} belongs to epoch ${fenced.epoch}`;
    leadership.lost(reason, fenced.epoch);
    throw new LogError('not_leader', reason);
  }
  invariant(
    fenced.epoch === leadership.epoch,
    `fencing with epoch ${leadership.epoch} left ${fenced.epoch} in force`,
  );
  const { sizeBytes } = await timedRead(calls, (options) => calls.pages.segmentProperties(ref, options));
  return { ref, firstPage, sizeBytes, etag: fenced.etag, fresh: false };
}

/**
 * Creates the segment with our epoch in it; if it is there already (made by another leader, or by an earlier try of ours
 * whose answer was lost), fences it instead. Harmless to repeat.
 */
export async function claimSegment(
  context: ClaimContext,
  firstPage: number,
  segmentBytes: number,
): Promise<ClaimedSegment> {
  const { calls, leadership } = context;
  const ref = segmentRef(context.stream, firstPage);
  const sizeBytes = segmentSize(segmentBytes);
  const init = { sizeBytes, epoch: leadership.epoch };
  try {
    const { etag } = await timedWrite(calls, (options) => calls.pages.createSegment(ref, init, options));
    return { ref, firstPage, sizeBytes, etag, fresh: true };
  } catch (error) {
    if (!isStorageError(error, 'already_exists', 'outcome_unknown')) throw error;
    return await fenceCreated(context, firstPage, error);
  }
}

async function fenceCreated(
  context: ClaimContext,
  firstPage: number,
  cause: StorageError,
): Promise<ClaimedSegment> {
  try {
    return await fenceSegment(context, firstPage);
  } catch (error) {
    if (!isStorageError(error, 'not_found')) throw error;
    throw new StorageError('unavailable', 'the creation of a segment has not been applied (yet)', { cause });
  }
}

/** A segment has room for one whole commit more when it reaches its size, so a commit always fits. */
export function segmentSize(segmentBytes: number): number {
  return Math.ceil(segmentBytes / PAGE_BYTES) * PAGE_BYTES + MAX_COMMIT_BYTES;
}
