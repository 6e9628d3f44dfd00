import type { Position } from '@message-vault/log';
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

/** The same, checked. */
export type Place = Position;

/** Error: `invalid_argument`. */
export function toPlace(from: ReadFrom): Place {
  if (from === 'earliest' || from === 'latest') return { at: from };
  if (typeof from === 'number') return { offset: whole('an offset', from) };
  if (typeof from === 'object' && from !== null) {
    if ('sequenceNumber' in from) return { sequenceNumber: whole('a sequence number', from.sequenceNumber) };
    if ('timestamp' in from) return { timestamp: whole('a timestamp', Number(from.timestamp)) };
    if ('last' in from) return { last: whole('a number of messages', from.last) };
  }
  throw new VaultClientError(
    'invalid_argument',
    `cannot read from ${JSON.stringify(from)}: expected 'earliest', 'latest', an offset (a number), ` +
      '{ sequenceNumber }, { timestamp } (milliseconds since 1970, or a Date) or { last }',
  );
}

/** As the HTTP interface spells it. */
export function toQuery(place: Place): string {
  if ('at' in place) return place.at;
  if ('offset' in place) return String(place.offset);
  if ('sequenceNumber' in place) return `seq:${place.sequenceNumber}`;
  return 'last' in place ? `last:${place.last}` : `time:${place.timestamp}`;
}

function whole(what: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new VaultClientError('invalid_argument', `${value} is not ${what}`);
}

/** What the stream holds, for the places that are counted from its tail. */
export interface Bounds {
  readonly earliestSequenceNumber: number;
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

export async function startOf(place: Place, bounds: () => Promise<Bounds>): Promise<Start> {
  if ('offset' in place) return startAtOffset(place.offset);
  if ('sequenceNumber' in place) return startAtSequence(place.sequenceNumber);
  if ('timestamp' in place) return startAtTime(place.timestamp);
  if ('last' in place) {
    const { earliestSequenceNumber, nextSequenceNumber } = await bounds();
    return startAtSequence(Math.max(earliestSequenceNumber, nextSequenceNumber - place.last));
  }
  if (place.at === 'earliest') return { from: 'earliest', includes: () => true };
  // What is published while a request for the tail is on its way, or repeated, must not be missed.
  return startAtOffset((await bounds()).nextOffset);
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
