import type { CommitHeader } from '@message-vault/framing';
import type { ETag } from '@message-vault/storage';
import { LogError } from '../errors.ts';
import type { PendingBatch } from './inbox.ts';
import type { Placement } from './placement.ts';

/** The one commit being written, and who waits for it. */
export interface InFlight {
  readonly header: CommitHeader;
  readonly batches: readonly PendingBatch[];
  readonly placement: Placement;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
}

/** A commit that is in its place. */
export interface Placed {
  /** The segment's version with it. */
  readonly etag: ETag;
  /** Whether the very first try was answered: then `etag` is what that write made, and nothing is behind the commit at it. */
  readonly atOnce: boolean;
}

/** Tells everyone who waits for the commit what is true of it: unknown once storage may have applied it, else `error`. */
export function rejectInFlight(flight: InFlight, error: LogError): void {
  const told = flight.placement.inDoubt ? outcomeUnknown(error) : error;
  for (const batch of flight.batches) batch.reject(told);
}

export function outcomeUnknown(cause?: unknown): LogError {
  const message = 'the batch was sent to storage and it is not known whether it is stored';
  return new LogError('outcome_unknown', message, {}, cause);
}
