import { VaultClientError } from '../errors.ts';
import type { VaultMessage } from '../messages.ts';

/**
 * Where to begin reading: the first message kept, the tail, an offset, a sequence number, the first message of a time
 * (milliseconds since 1970, or a Date), or the last so many.
 */
export type ReadFrom =
  | 'earliest'
  | 'latest'
  | number
  | { readonly sequenceNumber: number }
  | { readonly timestamp: number | Date }
  | { readonly last: number };

/** What the tail looks like, for the positions that are counted from it. */
export interface TailView {
  readonly nextOffset: number;
  readonly nextSequenceNumber: number;
}

/** A place that stays the same however often it is asked for, so that a failed first request can be repeated. */
export interface Start {
  /** As in the query parameter `from`. */
  readonly from: string;
  /** Commits are read whole: of the first one, some messages may lie before the place. */
  readonly includes: (message: VaultMessage) => boolean;
}

const everything = (): boolean => true;

/** Error: `invalid_argument`. */
export async function startOf(from: ReadFrom, tail: () => Promise<TailView>): Promise<Start> {
  if (from === 'earliest') return { from: 'earliest', includes: everything };
  // What is published while a request for the tail is on its way, or repeated, must not be missed.
  if (from === 'latest') return startAtOffset((await tail()).nextOffset);
  if (typeof from === 'number') return startAtOffset(integer('an offset', from));
  if ('sequenceNumber' in from) return startAtSequence(integer('a sequence number', from.sequenceNumber));
  if ('timestamp' in from) return startAtTime(integer('a timestamp', Number(from.timestamp)));
  if ('last' in from) {
    const last = integer('a number of messages', from.last);
    return startAtSequence(Math.max(0, (await tail()).nextSequenceNumber - last));
  }
  throw new VaultClientError('invalid_argument', `cannot read from ${JSON.stringify(from)}`);
}

export function startAtOffset(offset: number): Start {
  return { from: String(offset), includes: (message) => message.offset >= offset };
}

function startAtSequence(sequenceNumber: number): Start {
  return { from: `seq:${sequenceNumber}`, includes: (message) => message.sequenceNumber >= sequenceNumber };
}

function startAtTime(timestamp: number): Start {
  return { from: `time:${timestamp}`, includes: (message) => message.timestamp >= timestamp };
}

function integer(what: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new VaultClientError('invalid_argument', `${value} is not ${what}`);
  return value;
}
