import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { formatUuid, isUuid, NIL_UUID, type ProducerIdentity } from '@message-vault/framing';
import { HttpProblem } from '../problems.ts';

const VISIBLE_ASCII = /^[\x21-\x7e]{1,128}$/;
const DIGITS = /^\d{1,16}$/;
const MAX_EPOCH = 2 ** 32 - 1;

/** Who publishes, going by Producer-Id, Producer-Epoch and Producer-Seq: all of them or none. Throws `bad_header`. */
export function producerOf(headers: IncomingHttpHeaders): ProducerIdentity | undefined {
  const id = headers['producer-id'];
  const epoch = headers['producer-epoch'];
  const sequence = headers['producer-seq'];
  if (id === undefined && epoch === undefined && sequence === undefined) return undefined;
  if (typeof id !== 'string' || epoch === undefined || sequence === undefined) {
    throw bad('Producer-Id, Producer-Epoch and Producer-Seq go together: expected all three or none');
  }
  return {
    id: producerId(id),
    epoch: integer('Producer-Epoch', epoch, MAX_EPOCH),
    sequence: integer('Producer-Seq', sequence, Number.MAX_SAFE_INTEGER),
  };
}

/** The sequence number the client expects its first message to get; undefined without the header. Throws `bad_header`. */
export function expectedSequenceNumber(headers: IncomingHttpHeaders): number | undefined {
  const expected = headers['expected-sequence-number'];
  return expected === undefined
    ? undefined
    : integer('Expected-Sequence-Number', expected, Number.MAX_SAFE_INTEGER);
}

/** The wire has room for a UUID: other ids are turned into one, always the same for the same text. */
function producerId(text: string): string {
  if (text === NIL_UUID) throw bad('Producer-Id is the nil UUID, which stands for no producer');
  if (isUuid(text)) return text.toLowerCase();
  if (!VISIBLE_ASCII.test(text))
    throw bad('Producer-Id: expected a UUID or 1 to 128 visible ASCII characters');
  return hashedUuid(text);
}

/** A UUID of version 8 (RFC 9562) out of the SHA-256 of the text, so that it can't be mistaken for a random one. */
function hashedUuid(text: string): string {
  const bytes = createHash('sha256').update(`message-vault producer ${text}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return formatUuid(bytes.toString('hex'));
}

function integer(name: string, value: string | string[], max: number): number {
  const number = typeof value === 'string' && DIGITS.test(value) ? Number(value) : Number.NaN;
  if (!(number <= max))
    throw bad(`${name} is ${JSON.stringify(value)}: expected an integer from 0 to ${max}`);
  return number;
}

function bad(detail: string): HttpProblem {
  return new HttpProblem('bad_header', detail);
}
