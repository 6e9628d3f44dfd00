import type { BatchHeader } from '@message-vault/framing';
import type { LandedCommit, StreamRef, Tail } from '../stream.ts';

/** What became of a batch. A repeat of an idempotent producer gets the first answer, with `duplicate` set. */
export interface AppendResult {
  /** Messages in the batch. */
  readonly count: number;
  readonly firstOffset: number;
  /** Where the message after the batch's last one is or will be. */
  readonly nextOffset: number;
  readonly firstSequenceNumber: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly duplicate: boolean;
}

export interface AppendOptions {
  /** Store the batch only if its first message gets this sequence number; batches waiting before it count. */
  readonly expectedSequenceNumber?: number | undefined;
  /** What checkBatch said of these very bytes, when the caller has checked them already. */
  readonly header?: BatchHeader | undefined;
}

/** Counted since the writer was opened, except what is named after a state. */
export interface WriterStats {
  readonly commits: number;
  readonly batches: number;
  readonly messages: number;
  /** Bytes of commits. */
  readonly bytes: number;
  /** Repeats answered with a first answer. */
  readonly duplicates: number;
  /** Tries to put a commit in its place that did not settle it. */
  readonly retries: number;
  readonly queuedBatches: number;
  readonly queuedBytes: number;
  /** True while a commit's outcome has been unknown for so long that nothing is taken in. */
  readonly stalled: boolean;
  readonly producers: number;
}

/**
 * Told of every commit once it is durable; `commit` is missing when that took more than one try. Must return at once and
 * never throw. One function serves the writers of any number of streams.
 */
export type OnCommit = (tail: Tail, commit: LandedCommit | undefined, stream: StreamRef) => void;

/** The one writer of a stream, for one term of leadership. */
export interface StreamWriter {
  /**
   * Stores a batch and answers when it is durable. The bytes must not be changed until then.
   *
   * Errors: FramingError for a batch that is not one; LogError `not_leader`, `outcome_unknown`, `queue_full`,
   * `producer_gap`, `producer_fenced`, `producer_sequence_too_old`, `sequence_mismatch`, `too_large`,
   * `storage_unavailable`, `damaged`, `closed`. With every code but `outcome_unknown` this call stored nothing.
   */
  append(batch: Uint8Array, options?: AppendOptions): Promise<AppendResult>;
  /** Where the durable stream ends. */
  readonly tail: Tail;
  readonly stats: WriterStats;
  /**
   * Takes in nothing more, stores what was taken in and lets go. At the latest when a commit's outcome stays unknown for
   * `resolveForMs`, or at once without leadership, what is left is answered with what is known of it.
   */
  close(): Promise<void>;
}
