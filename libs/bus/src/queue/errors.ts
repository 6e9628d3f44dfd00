import { isStorageError, type StorageErrorCode } from '@message-vault/storage';

/** Why a queue did not do what was asked. Closed; every boundary above maps from it. */
export type QueueErrorCode =
  /** The lock is over, was never given, or is another queue's. Somebody else may have the message by now. */
  | 'lock_lost'
  /** There is no room, and the policy says to refuse. Nothing of the request was taken. */
  | 'queue_full'
  /** A message is above `limit`, bytes. Nothing of the request was taken. */
  | 'too_large'
  /** The request has more messages than `limit`. Nothing of it was taken; in parts it would be. */
  | 'too_many_messages'
  /** A delay or time to live that no message of this queue can have. Nothing of the request was taken. */
  | 'bad_times'
  /** The storage refused or did not answer; `enqueued` of the request's messages are in the queue, no others. */
  | 'storage_unavailable'
  /** No trustworthy answer came: `enqueued` messages are in the queue, `unknown` may be. */
  | 'outcome_unknown'
  /** Too many requests wait on this node already. */
  | 'busy'
  /** What the name stood for is gone from storage. */
  | 'gone'
  /** Dead letters have nowhere else to go. */
  | 'no_dead_letter'
  /** This node does not lead (any more), and for this queue only the leader gives out messages. */
  | 'not_leader';

/** Values a caller needs to recover; which are set depends on the code. */
export interface QueueErrorDetails {
  /** Bytes of a message, or messages of a request. */
  readonly limit?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** Of a request of several messages: how many are in the queue for certain. */
  readonly enqueued?: number | undefined;
  /** Likewise: how many may be. */
  readonly unknown?: number | undefined;
  /** Of a redrive: how many were moved before it failed. */
  readonly moved?: number | undefined;
}

/** Expected failure of an operation on a queue. */
export class QueueError extends Error {
  override readonly name = 'QueueError';
  readonly code: QueueErrorCode;
  readonly details: QueueErrorDetails;

  constructor(code: QueueErrorCode, message: string, details: QueueErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/** True for a QueueError of one of `codes` (of any code, when none is given). */
export function isQueueError(error: unknown, ...codes: QueueErrorCode[]): error is QueueError {
  return error instanceof QueueError && (codes.length === 0 || codes.includes(error.code));
}

type Told = readonly [code: QueueErrorCode, message: string];

const STORAGE_FAILURES: Partial<Record<StorageErrorCode, Told>> = {
  not_found: ['gone', 'what this name stood for is gone from storage'],
  receipt_lost: ['lock_lost', 'the lock is over: somebody else may have the message by now'],
  throttled: ['storage_unavailable', 'the storage has too much to do; nothing was changed'],
  unavailable: ['storage_unavailable', 'the storage does not answer'],
};

/** What a failure of the storage means to a consumer; `unknown` tells him what may have happened. Other errors as they are. */
export function consumerError(error: unknown, unknown: string): unknown {
  if (!isStorageError(error)) return error;
  const told: Told | undefined =
    error.code === 'outcome_unknown' ? ['outcome_unknown', unknown] : STORAGE_FAILURES[error.code];
  if (told === undefined) return error;
  const [code, message] = told;
  return new QueueError(code, message, { retryAfterMs: error.retryAfterMs }, error);
}

/** An envelope that can't be read: not written by us, damaged, or of a version that is still to come. */
export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError';
  /** Whole, and of a version a newer node can read. */
  readonly isNewer: boolean;

  constructor(message: string, { isNewer = false } = {}) {
    super(message);
    this.isNewer = isNewer;
  }
}
