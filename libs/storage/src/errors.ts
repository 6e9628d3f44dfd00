/**
 * Why a storage call did not do what was asked.
 *
 * Every code but `outcome_unknown` and `unavailable` means: the storage certainly did not apply the call.
 */
export type StorageErrorCode =
  /** The container, segment, document or lease blob does not exist. */
  | 'not_found'
  /** Creating it found it there. */
  | 'already_exists'
  /** The ETag condition failed: somebody (perhaps an earlier try of ours) wrote in between. */
  | 'etag_mismatch'
  /** The segment's sequence number is not the epoch the write carried: another leader has fenced it. */
  | 'epoch_fenced'
  /** Another holder has the lease, or the lease id given is not the one in force. */
  | 'lease_conflict'
  /** The message is gone, or held by somebody else, or was updated since: the pop receipt is not the one in force. */
  | 'receipt_lost'
  /** The storage refused for load before applying anything; `retryAfterMs` may say when to come back. */
  | 'throttled'
  /**
   * No answer came, by connection, time-out or 5xx, to a read (which changed nothing) or to a call that is idempotent
   * (which may have been applied: make it again).
   */
  | 'unavailable'
  /** A write was sent and no trustworthy answer came: it may have been applied, or may still be. Read back; never write anything else there. */
  | 'outcome_unknown'
  /** Credentials or SAS refused. */
  | 'unauthorized'
  /** The call itself is wrong (size, alignment, range, name): a bug or a bad setting, never worth repeating. */
  | 'invalid_request';

/** Expected failure of a storage call. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: StorageErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** True for a StorageError of one of `codes` (of any code, when none is given). */
export function isStorageError(error: unknown, ...codes: StorageErrorCode[]): error is StorageError {
  return error instanceof StorageError && (codes.length === 0 || codes.includes(error.code));
}
