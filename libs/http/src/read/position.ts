import { isLogError, type Position, type StreamReader } from '@message-vault/log';
import { HttpProblem } from '../problems.ts';
import { badParameter } from '../query.ts';

const EXPECTED =
  'expected earliest, latest, an offset, seq:N, time:2026-11-20T07:00:00Z (or milliseconds since 1970) or last:N';
const FORM = /^(?:(seq|last|time):)?(.+)$/;
const DIGITS = /^\d{1,16}$/;
const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const MAX_LAST = 1_000_000_000;

/** Where a read starts. Throws `bad_parameter`. */
export function parsePosition(text: string | undefined): Position {
  if (text === undefined || text === 'earliest') return { at: 'earliest' };
  if (text === 'latest') return { at: 'latest' };
  const [, form, value = ''] = FORM.exec(text) ?? [];
  switch (form) {
    case 'seq':
      return { sequenceNumber: integer(value, text) };
    case 'last':
      return { last: Math.min(integer(value, text), MAX_LAST) };
    case 'time':
      return { timestamp: timestamp(value, text) };
    default:
      return { offset: integer(value, text) };
  }
}

/** The offset of a position. Who asks by sequence number is told what is there in sequence numbers. */
export async function resolvePosition(
  reader: StreamReader,
  position: Position,
  signal: AbortSignal,
): Promise<number> {
  try {
    return await reader.resolve(position, signal);
  } catch (error) {
    if (!('sequenceNumber' in position) || !isLogError(error, 'offset_out_of_range')) throw error;
    throw await noSuchSequenceNumber(reader, position.sequenceNumber, signal);
  }
}

async function noSuchSequenceNumber(
  reader: StreamReader,
  asked: number,
  signal: AbortSignal,
): Promise<HttpProblem> {
  const bounds = await reader.bounds(signal);
  const { earliestOffset, nextOffset, earliestSequenceNumber, nextSequenceNumber } = bounds;
  return new HttpProblem(
    'offset_out_of_range',
    `the stream has no sequence number ${asked}: it has those from ${earliestSequenceNumber}, and ${nextSequenceNumber} is the next one`,
    { earliestOffset, nextOffset, earliestSequenceNumber, nextSequenceNumber },
  );
}

/** Positions that lead to the same messages for ever, as long as those are there. */
export function isFixed(position: Position): boolean {
  return 'offset' in position || 'sequenceNumber' in position;
}

function integer(value: string, text: string): number {
  const number = DIGITS.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw nonsense(text);
  return number;
}

function timestamp(value: string, text: string): number {
  if (DIGITS.test(value)) return integer(value, text);
  // In a query a plus sign means a space; clients forget to escape the one of a time zone.
  const instant = value.replace(' ', '+');
  const ms = RFC3339.test(instant) ? Date.parse(instant) : Number.NaN;
  if (Number.isNaN(ms)) throw nonsense(text);
  // No message is older than 1970, so from any time before it means from the first.
  return Math.max(ms, 0);
}

function nonsense(text: string): Error {
  return badParameter('from', `is ${JSON.stringify(text.slice(0, 64))}: ${EXPECTED}`);
}
