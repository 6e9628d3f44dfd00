import { encodeOffset } from '@message-vault/framing';

/** Why the log did not do what was asked. Closed; every boundary above maps from it. */
export type LogErrorCode =
  /** This node does not lead the stream (any more). Certainly not stored by this call. */
  | 'not_leader'
  /** The batch was sent to storage and no trustworthy answer came: it may or may not be stored. Retry with the same producer identity. */
  | 'outcome_unknown'
  /** The bounded queue has no room. Nothing was taken; `retryAfterMs` says when to come back. */
  | 'queue_full'
  /** A producer's batch before this one is missing; `expectedProducerSequence` is the one that must come next. */
  | 'producer_gap'
  /** A newer epoch of this producer has published; `producerEpoch` is that epoch. */
  | 'producer_fenced'
  /** A repeat of a batch so old that its answer is no longer kept. It was stored once, long ago. */
  | 'producer_sequence_too_old'
  /** Compare-and-append lost; `expectedSequenceNumber` is the next number in truth. */
  | 'sequence_mismatch'
  /** The offset is beyond the tail, before retention or not one a message can have; `earliestOffset` and `nextOffset` say what is there. */
  | 'offset_out_of_range'
  /** Stored bytes are not what was written; `offset` is the first of the messages that can't be read. */
  | 'damaged'
  /** The writer or reader has been closed. */
  | 'closed'
  /** The batch is larger, or has more messages, than a commit can take. */
  | 'too_large'
  /** Storage does not answer. Certainly not stored by this call. */
  | 'storage_unavailable';

/** Values a caller needs to recover; which are set depends on the code. */
export interface LogErrorDetails {
  readonly expectedSequenceNumber?: number;
  readonly expectedProducerSequence?: number;
  readonly producerEpoch?: number;
  readonly retryAfterMs?: number;
  readonly offset?: number;
  readonly earliestOffset?: number;
  readonly nextOffset?: number;
}

/** Expected failure of an operation on a stream. */
export class LogError extends Error {
  override readonly name = 'LogError';
  readonly code: LogErrorCode;
  readonly details: LogErrorDetails;

  constructor(code: LogErrorCode, message: string, details: LogErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/** True for a LogError of one of `codes` (of any code, when none is given). */
export function isLogError(error: unknown, ...codes: LogErrorCode[]): error is LogError {
  return error instanceof LogError && (codes.length === 0 || codes.includes(error.code));
}

/** Stored bytes at `page` are not what was written there: `damaged`, with the offset of the first message lost by it. */
export function damagedAt(page: number, why: string, cause?: unknown): LogError {
  const offset = encodeOffset(page, 0);
  return new LogError(
    'damaged',
    `the log is damaged at offset ${offset} (page ${page}): ${why}`,
    { offset },
    cause,
  );
}
