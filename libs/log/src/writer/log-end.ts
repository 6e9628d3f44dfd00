import { type CommitHeader, encodeOffset, type SkipSource } from '@message-vault/framing';
import { invariant } from '@message-vault/runtime';
import type { Tail } from '../stream.ts';

/** Everything the next commit follows from. */
export interface LogEnd {
  /** Where it starts, absolute in the stream. */
  readonly nextPage: number;
  readonly nextNumber: number;
  readonly nextSequenceNumber: number;
  /** Of the last commit, 0 when there is none: the next one's is not lower. */
  readonly timestamp: number;
  /** Undefined before the first commit. */
  readonly last: SkipSource | undefined;
}

export const emptyLog: LogEnd = Object.freeze({
  nextPage: 0,
  nextNumber: 0,
  nextSequenceNumber: 0,
  timestamp: 0,
  last: undefined,
});

export function endAfter(header: CommitHeader): LogEnd {
  return {
    nextPage: header.page + header.pages,
    nextNumber: header.number + 1,
    nextSequenceNumber: header.firstSequenceNumber + header.messageCount,
    timestamp: header.timestamp,
    last: { number: header.number, page: header.page, skips: header.skips },
  };
}

/** Whether `header` is a commit that may stand right behind `end`. */
export function follows(end: LogEnd, header: CommitHeader): boolean {
  return (
    header.page === end.nextPage &&
    header.number === end.nextNumber &&
    header.firstSequenceNumber === end.nextSequenceNumber &&
    header.timestamp >= end.timestamp &&
    (end.last === undefined || header.skips[0] === end.last.page)
  );
}

/** The end after `header`, which must follow: no sequence number twice or skipped, no page used twice (I2, I7). */
export function advance(end: LogEnd, header: CommitHeader): LogEnd {
  invariant(
    follows(end, header),
    `commit ${header.number} at page ${header.page} does not follow the log's end`,
  );
  return endAfter(header);
}

export function tailOf(end: LogEnd): Tail {
  return {
    page: end.nextPage,
    offset: encodeOffset(end.nextPage, 0),
    nextSequenceNumber: end.nextSequenceNumber,
    timestamp: end.timestamp,
  };
}
