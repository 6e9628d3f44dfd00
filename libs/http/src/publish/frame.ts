import {
  type BatchHeader,
  checkBatch,
  decodeBatch,
  decodeBatchHeader,
  encodeBatch,
  type FramingError,
  MAX_BATCH_BYTES,
  MAX_HEADER_NAME_BYTES,
  MAX_HEADER_VALUE_BYTES,
  MAX_HEADERS,
  MAX_KEY_BYTES,
  MAX_RECORDS_BYTES,
  type Message,
  type ProducerIdentity,
} from '@message-vault/framing';
import { HttpProblem, refusingBadBatches } from '../problems.ts';

/** Place of the bytes of records in a batch header (docs/format.md). */
const RECORDS_BYTES_AT = 20;

/** A batch ready to be appended. */
export interface Framed {
  readonly batch: Uint8Array;
  readonly header: BatchHeader;
}

/** Messages into one batch. Throws HttpProblem `too_large` or `bad_batch`. */
export function frameMessages(messages: readonly Message[], producer: ProducerIdentity | undefined): Framed {
  return refusingBadBatches(
    () => {
      const batch = encodeBatch({ messages, producer });
      return { batch, header: decodeBatchHeader(batch) };
    },
    () => exceededLimit(messages),
  );
}

/** Which limit of the format some message exceeds; that of a whole batch if none does by itself. */
function exceededLimit(messages: readonly Message[]): number {
  const longer = (text: string, bytes: number): boolean => Buffer.byteLength(text) > bytes;
  for (const { key = '', headers } of messages) {
    if (longer(key, MAX_KEY_BYTES)) return MAX_KEY_BYTES;
    if (headers.length > MAX_HEADERS) return MAX_HEADERS;
    if (headers.some(([name]) => longer(name, MAX_HEADER_NAME_BYTES))) return MAX_HEADER_NAME_BYTES;
    if (headers.some(([, value]) => longer(value, MAX_HEADER_VALUE_BYTES))) return MAX_HEADER_VALUE_BYTES;
  }
  return MAX_BATCH_BYTES;
}

/** Framing says which limit of a record is exceeded; what it says of a whole batch is known by its field. */
function statedLimit({ at, message }: FramingError): number {
  const [, stated] = /at most (\d+) allowed/.exec(message) ?? [];
  if (stated !== undefined) return Number(stated);
  return at === RECORDS_BYTES_AT ? MAX_RECORDS_BYTES : MAX_BATCH_BYTES;
}

/**
 * A batch the producer has framed itself: checked and passed on as it is. What the headers say of the producer has to
 * agree with the batch, since nobody but the producer writes into it. Throws HttpProblem.
 */
export function checkFramed(batch: Uint8Array, producer: ProducerIdentity | undefined): Framed {
  const header = refusingBadBatches(() => checkBatch(batch), statedLimit);
  if (producer !== undefined && !sameProducer(producer, header.producer)) {
    throw new HttpProblem(
      'bad_header',
      'Producer-Id, Producer-Epoch and Producer-Seq differ from the producer in the batch: expected the same, or no such headers',
    );
  }
  return { batch, header };
}

/** Throws `too_large` if a value is longer than the stream's policy allows. */
export function checkMessageSizes(framed: Framed, maxMessageSize: number): void {
  // Nothing to look for when all records together are small enough.
  if (framed.header.recordsBytes <= maxMessageSize) return;
  for (const message of decodeBatch(framed.batch).messages) {
    checkMessageSize(message.value.byteLength, maxMessageSize);
  }
}

/** Throws `too_large`. */
export function checkMessageSize(bytes: number, maxMessageSize: number): void {
  if (bytes <= maxMessageSize) return;
  const detail = `a message to this name may have ${maxMessageSize} bytes, not ${bytes}`;
  throw new HttpProblem('too_large', detail, { limit: maxMessageSize });
}

function sameProducer(one: ProducerIdentity, other: ProducerIdentity | undefined): boolean {
  return one.id === other?.id && one.epoch === other.epoch && one.sequence === other.sequence;
}
