import { decodeOffset, PAGE_BYTES } from '@message-vault/framing';
import type { RouterPolicy } from '@message-vault/metadata';
import type { Gap } from './cursors-document.ts';
import { gapsBehind } from './gaps.ts';
import type { StreamPlace } from './position.ts';

/** What waits between a cursor and the end of the stream. */
export interface Backlog {
  readonly messages: number;
  /** As stored, in whole pages. */
  readonly bytes: number;
}

export function backlogOf(cursor: StreamPlace, tail: StreamPlace, gaps: readonly Gap[] = []): Backlog {
  const all = between(cursor, tail);
  return gapsBehind(gaps, cursor).reduce((left, { from, to }) => {
    const { messages, bytes } = between(from, to);
    return { messages: Math.max(0, left.messages - messages), bytes: Math.max(0, left.bytes - bytes) };
  }, all);
}

function between(cursor: StreamPlace, tail: StreamPlace): Backlog {
  const pages = decodeOffset(tail.offset).page - decodeOffset(cursor.offset).page;
  return {
    messages: Math.max(0, tail.sequenceNumber - cursor.sequenceNumber),
    bytes: Math.max(0, pages * PAGE_BYTES),
  };
}

type Bounds = Pick<RouterPolicy, 'maxQueueLength' | 'maxQueueCapacityBytes'>;

/** No room for one message more. */
export function isFull(backlog: Backlog, { maxQueueLength, maxQueueCapacityBytes }: Bounds): boolean {
  return (
    backlog.messages >= (maxQueueLength ?? Number.POSITIVE_INFINITY) ||
    backlog.bytes >= (maxQueueCapacityBytes ?? Number.POSITIVE_INFINITY)
  );
}

/** More than there may be. */
export function isOver(backlog: Backlog, { maxQueueLength, maxQueueCapacityBytes }: Bounds): boolean {
  return (
    backlog.messages > (maxQueueLength ?? Number.POSITIVE_INFINITY) ||
    backlog.bytes > (maxQueueCapacityBytes ?? Number.POSITIVE_INFINITY)
  );
}
