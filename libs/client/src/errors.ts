/**
 * Why a call on the client did not do what was asked. The list is closed: a `switch` over it is complete.
 */
export type VaultClientErrorCode =
  /** The arguments are wrong; nothing was sent. */
  | 'invalid_argument'
  /** A message is larger than a batch, or than the stream takes. */
  | 'too_large'
  /** The client's own buffer is full and the option says not to wait for room. Nothing was sent. */
  | 'buffer_full'
  /** The caller's signal fired. For a publish, `outcome` says what is known. */
  | 'aborted'
  /** The client has been closed. */
  | 'closed'
  /** The delivery time-out passed and the messages are certainly not stored. */
  | 'not_delivered'
  /** Nobody could say in time whether the messages were stored, or the change made; they may be, or may yet be. */
  | 'outcome_unknown'
  /** The messages are stored, but so long ago that their offsets are no longer remembered. */
  | 'position_forgotten'
  /** `expectedSequenceNumber` was not the next one; `expectedSequenceNumber` of the error is. */
  | 'sequence_mismatch'
  /** Somebody publishes with the same producer id and a newer epoch. This client can publish there no more. */
  | 'producer_fenced'
  /** No such name, or nothing of that id under it. */
  | 'not_found'
  /** What was asked for stands against what is there: the name has a role, or the subscription would close a cycle. */
  | 'conflict'
  /** Somebody changed it since the ETag was given. */
  | 'changed_meanwhile'
  /** A message taken from a queue is this consumer's no more: its time was up, or it has been settled before. */
  | 'lock_lost'
  /** The offset is beyond the tail or before what is kept; `earliestOffset` and `nextOffset` say what there is. */
  | 'offset_out_of_range'
  /** Credentials are missing or refused. */
  | 'unauthorized'
  /** The node refused the request for another reason of the caller's; see `problem`. */
  | 'rejected'
  /** Stored messages cannot be read, or the stream not be opened, because its storage is damaged. */
  | 'damaged'
  /** No node could answer within the time given. */
  | 'unavailable'
  /** A node answered something the protocol does not know, or damaged data. */
  | 'bad_answer'
  /** The cluster cannot do this (direct reads on a storage that hands out no access). */
  | 'unsupported';

/** What is known of the messages of a failed publish. */
export type PublishOutcome = 'not_stored' | 'unknown' | 'stored';

/** The RFC 9457 body a node sent with an error. Members beyond these are kept as they came. */
export interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly status?: number;
  readonly code?: string;
  readonly detail?: string;
  readonly [member: string]: unknown;
}

export interface VaultClientErrorDetails {
  readonly cause?: unknown;
  /** HTTP status, when a node answered. */
  readonly status?: number | undefined;
  readonly problem?: Problem | undefined;
  readonly outcome?: PublishOutcome | undefined;
  /** Messages of the same publish call that were acknowledged before it failed. */
  readonly acknowledged?: number | undefined;
  readonly expectedSequenceNumber?: number | undefined;
  readonly earliestOffset?: number | undefined;
  readonly nextOffset?: number | undefined;
}

/** Every expected failure of the client. */
export class VaultClientError extends Error {
  override readonly name = 'VaultClientError';
  readonly code: VaultClientErrorCode;
  readonly status: number | undefined;
  readonly problem: Problem | undefined;
  readonly outcome: PublishOutcome | undefined;
  readonly acknowledged: number;
  readonly expectedSequenceNumber: number | undefined;
  readonly earliestOffset: number | undefined;
  readonly nextOffset: number | undefined;

  constructor(code: VaultClientErrorCode, message: string, details: VaultClientErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.problem = details.problem;
    this.outcome = details.outcome;
    this.acknowledged = details.acknowledged ?? 0;
    this.expectedSequenceNumber = details.expectedSequenceNumber;
    this.earliestOffset = details.earliestOffset;
    this.nextOffset = details.nextOffset;
  }
}

/** True for a VaultClientError of one of `codes` (of any code, when none is given). */
export function isVaultClientError(
  error: unknown,
  ...codes: VaultClientErrorCode[]
): error is VaultClientError {
  return error instanceof VaultClientError && (codes.length === 0 || codes.includes(error.code));
}

/** The error of an abandoned call, carrying the signal's reason as its cause. */
export function abortedError(signal: AbortSignal, outcome?: PublishOutcome): VaultClientError {
  // The client's own closing is told as what it is.
  if (signal.reason instanceof VaultClientError) return signal.reason;
  return new VaultClientError('aborted', 'the caller gave the call up', { cause: signal.reason, outcome });
}
