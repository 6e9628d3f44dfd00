/*
 * Producer checkpoint: what a leader remembers of the producers, stored in a commit so that the next leader need not
 * read further back than to here. All integers little-endian.
 *
 *   offset  size  field                          header, 16 bytes
 *        0     4  magic "MVP1"
 *        4     2  version, 1
 *        6     2  reserved, zero
 *        8     4  byte length of the checkpoint, this header included
 *       12     4  producer count
 *
 *   offset  size  field                          then per producer, 24 bytes
 *        0    16  producer id, a UUID, not the nil one; no id twice
 *       16     4  producer epoch
 *       20     4  answer count, 1 … 5
 *
 *   offset  size  field                          and after it, oldest first, its last answers, 48 bytes each
 *        0     8  producer sequence of the batch; higher than that of the answer before
 *        8     8  offset of its first message
 *       16     8  offset after its last message
 *       24     8  sequence number of its first message
 *       32     8  timestamp, milliseconds since 1970-01-01 UTC
 *       40     4  message count, 1 … 16,384
 *       44     4  reserved, zero
 */
import { FramingError } from './errors.ts';
import { getU64, putU32, putU64, requireBytes, requireZeroU32, viewOf } from './integers.ts';
import { assertFieldsFill } from './layout.ts';
import { MAX_BATCH_MESSAGES, MAX_CHECKPOINT_ANSWERS, MAX_CHECKPOINT_PRODUCERS } from './limits.ts';
import { NIL_UUID, readUuid, writeUuid } from './uuid.ts';

const HEADER_BYTES = 16;
export const CHECKPOINT_HEADER = {
  magic: { at: 0, bytes: 4 },
  version: { at: 4, bytes: 2 },
  reserved: { at: 6, bytes: 2 },
  byteLength: { at: 8, bytes: 4 },
  producerCount: { at: 12, bytes: 4 },
} as const;
assertFieldsFill('checkpoint header', HEADER_BYTES, CHECKPOINT_HEADER);

const PRODUCER_BYTES = 24;
export const CHECKPOINT_PRODUCER = {
  id: { at: 0, bytes: 16 },
  epoch: { at: 16, bytes: 4 },
  answerCount: { at: 20, bytes: 4 },
} as const;
assertFieldsFill('checkpoint producer', PRODUCER_BYTES, CHECKPOINT_PRODUCER);

const ANSWER_BYTES = 48;
export const CHECKPOINT_ANSWER = {
  sequence: { at: 0, bytes: 8 },
  firstOffset: { at: 8, bytes: 8 },
  nextOffset: { at: 16, bytes: 8 },
  firstSequenceNumber: { at: 24, bytes: 8 },
  timestamp: { at: 32, bytes: 8 },
  count: { at: 40, bytes: 4 },
  reserved: { at: 44, bytes: 4 },
} as const;
assertFieldsFill('checkpoint answer', ANSWER_BYTES, CHECKPOINT_ANSWER);

/** "MVP1" read as a little-endian u32. */
const MAGIC = 0x3150564d;
const VERSION = 1;

/** What a producer was told about one of its batches. */
export interface ProducerAnswer {
  /** Of the batch, as the producer numbered it. */
  readonly sequence: number;
  /** Messages in the batch. */
  readonly count: number;
  readonly firstOffset: number;
  readonly nextOffset: number;
  readonly firstSequenceNumber: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestamp: number;
}

/** What is remembered of one producer. */
export interface ProducerEntry {
  /** A UUID, not the nil one. */
  readonly id: string;
  readonly epoch: number;
  /** One to MAX_CHECKPOINT_ANSWERS, oldest first. */
  readonly answers: readonly ProducerAnswer[];
}

/** The bytes of a checkpoint; the order of the entries is kept. Throws FramingError for entries it cannot hold. */
export function encodeProducerCheckpoint(entries: readonly ProducerEntry[]): Uint8Array<ArrayBuffer> {
  if (entries.length > MAX_CHECKPOINT_PRODUCERS) {
    throw new FramingError(
      'too_large',
      CHECKPOINT_HEADER.producerCount.at,
      `${entries.length} producers in a checkpoint`,
    );
  }
  const answers = entries.reduce((sum, entry) => sum + requireAnswerCount(entry.answers.length, 0), 0);
  const bytes = new Uint8Array(HEADER_BYTES + entries.length * PRODUCER_BYTES + answers * ANSWER_BYTES);
  const view = viewOf(bytes);
  view.setUint32(CHECKPOINT_HEADER.magic.at, MAGIC, true);
  view.setUint16(CHECKPOINT_HEADER.version.at, VERSION, true);
  view.setUint32(CHECKPOINT_HEADER.byteLength.at, bytes.byteLength, true);
  view.setUint32(CHECKPOINT_HEADER.producerCount.at, entries.length, true);
  const seen = new Set<string>();
  let at = HEADER_BYTES;
  for (const entry of entries) {
    requireNewProducer(entry.id.toLowerCase(), seen, at);
    at = writeEntry(bytes, view, at, entry);
  }
  return bytes;
}

function writeEntry(bytes: Uint8Array, view: DataView, at: number, entry: ProducerEntry): number {
  writeUuid(bytes, at + CHECKPOINT_PRODUCER.id.at, entry.id, 'producer id');
  putU32(view, at + CHECKPOINT_PRODUCER.epoch.at, entry.epoch, 'producer epoch');
  view.setUint32(at + CHECKPOINT_PRODUCER.answerCount.at, entry.answers.length, true);
  let place = at + PRODUCER_BYTES;
  let previous: ProducerAnswer | undefined;
  for (const answer of entry.answers) {
    requireAnswer(answer, previous, place);
    writeAnswer(view, place, answer);
    previous = answer;
    place += ANSWER_BYTES;
  }
  return place;
}

function writeAnswer(view: DataView, at: number, answer: ProducerAnswer): void {
  putU64(view, at + CHECKPOINT_ANSWER.sequence.at, answer.sequence, 'producer sequence');
  putU64(view, at + CHECKPOINT_ANSWER.firstOffset.at, answer.firstOffset, 'first offset');
  putU64(view, at + CHECKPOINT_ANSWER.nextOffset.at, answer.nextOffset, 'next offset');
  putU64(
    view,
    at + CHECKPOINT_ANSWER.firstSequenceNumber.at,
    answer.firstSequenceNumber,
    'first sequence number',
  );
  putU64(view, at + CHECKPOINT_ANSWER.timestamp.at, answer.timestamp, 'timestamp');
  putU32(view, at + CHECKPOINT_ANSWER.count.at, answer.count, 'message count');
}

/** Reads a checkpoint that must fill `bytes` exactly. Throws FramingError. */
export function decodeProducerCheckpoint(bytes: Uint8Array): ProducerEntry[] {
  requireBytes(bytes, 0, HEADER_BYTES, 'a checkpoint header');
  const view = viewOf(bytes);
  const count = readHeader(view, bytes.byteLength);
  const seen = new Set<string>();
  const entries: ProducerEntry[] = [];
  let at = HEADER_BYTES;
  for (let left = count; left > 0; left -= 1) {
    requireRoom(at, PRODUCER_BYTES, bytes.byteLength);
    const id = readUuid(bytes, at + CHECKPOINT_PRODUCER.id.at);
    requireNewProducer(id, seen, at);
    const answers = readAnswers(view, at);
    entries.push({ id, epoch: view.getUint32(at + CHECKPOINT_PRODUCER.epoch.at, true), answers });
    at += PRODUCER_BYTES + answers.length * ANSWER_BYTES;
  }
  if (at !== bytes.byteLength)
    throw new FramingError('bad_length', CHECKPOINT_HEADER.byteLength.at, 'more after the last producer');
  return entries;
}

/** Checks the header and returns the number of producers. */
function readHeader(view: DataView, present: number): number {
  if (view.getUint32(CHECKPOINT_HEADER.magic.at, true) !== MAGIC)
    throw new FramingError('bad_magic', 0, 'not a checkpoint');
  const version = view.getUint16(CHECKPOINT_HEADER.version.at, true);
  if (version !== VERSION) {
    throw new FramingError(
      'unsupported_version',
      CHECKPOINT_HEADER.version.at,
      `checkpoint version ${version}`,
    );
  }
  if (view.getUint16(CHECKPOINT_HEADER.reserved.at, true) !== 0) {
    throw new FramingError('reserved_not_zero', CHECKPOINT_HEADER.reserved.at, 'must be zero');
  }
  const byteLength = view.getUint32(CHECKPOINT_HEADER.byteLength.at, true);
  if (byteLength > present)
    throw new FramingError('truncated', present, `the checkpoint has ${byteLength} bytes`);
  if (byteLength < present) throw new FramingError('trailing_bytes', byteLength, 'more after the checkpoint');
  const count = view.getUint32(CHECKPOINT_HEADER.producerCount.at, true);
  if (count > MAX_CHECKPOINT_PRODUCERS) {
    throw new FramingError(
      'too_large',
      CHECKPOINT_HEADER.producerCount.at,
      `${count} producers in a checkpoint`,
    );
  }
  return count;
}

function readAnswers(view: DataView, producerAt: number): ProducerAnswer[] {
  const countAt = producerAt + CHECKPOINT_PRODUCER.answerCount.at;
  const count = requireAnswerCount(view.getUint32(countAt, true), countAt);
  requireRoom(producerAt + PRODUCER_BYTES, count * ANSWER_BYTES, view.byteLength);
  const answers: ProducerAnswer[] = [];
  for (let index = 0; index < count; index += 1) {
    const at = producerAt + PRODUCER_BYTES + index * ANSWER_BYTES;
    const answer = readAnswer(view, at);
    requireAnswer(answer, answers.at(-1), at);
    answers.push(answer);
  }
  return answers;
}

function readAnswer(view: DataView, at: number): ProducerAnswer {
  requireZeroU32(view, at + CHECKPOINT_ANSWER.reserved.at, 'the reserved field');
  return {
    sequence: getU64(view, at + CHECKPOINT_ANSWER.sequence.at, 'producer sequence'),
    count: view.getUint32(at + CHECKPOINT_ANSWER.count.at, true),
    firstOffset: getU64(view, at + CHECKPOINT_ANSWER.firstOffset.at, 'first offset'),
    nextOffset: getU64(view, at + CHECKPOINT_ANSWER.nextOffset.at, 'next offset'),
    firstSequenceNumber: getU64(view, at + CHECKPOINT_ANSWER.firstSequenceNumber.at, 'first sequence number'),
    timestamp: getU64(view, at + CHECKPOINT_ANSWER.timestamp.at, 'timestamp'),
  };
}

function requireRoom(at: number, length: number, end: number): void {
  if (length > end - at)
    throw new FramingError('bad_length', CHECKPOINT_HEADER.byteLength.at, 'the producers reach past the end');
}

function requireNewProducer(id: string, seen: Set<string>, at: number): void {
  if (id === NIL_UUID) throw new FramingError('bad_checkpoint', at, 'the nil UUID is no producer');
  if (seen.has(id)) throw new FramingError('bad_checkpoint', at, `producer ${id} stands there twice`);
  seen.add(id);
}

function requireAnswerCount(count: number, at: number): number {
  if (count < 1 || count > MAX_CHECKPOINT_ANSWERS) {
    throw new FramingError('bad_count', at, `${count} answers, expected 1 to ${MAX_CHECKPOINT_ANSWERS}`);
  }
  return count;
}

function requireAnswer(answer: ProducerAnswer, previous: ProducerAnswer | undefined, at: number): void {
  if (answer.count < 1 || answer.count > MAX_BATCH_MESSAGES) {
    throw new FramingError(
      'bad_count',
      at + CHECKPOINT_ANSWER.count.at,
      `${answer.count} messages in a batch`,
    );
  }
  if (answer.nextOffset <= answer.firstOffset) {
    throw new FramingError(
      'bad_checkpoint',
      at + CHECKPOINT_ANSWER.nextOffset.at,
      'an answer that ends before it starts',
    );
  }
  if (previous !== undefined && answer.sequence <= previous.sequence) {
    throw new FramingError('bad_checkpoint', at + CHECKPOINT_ANSWER.sequence.at, 'answers out of order');
  }
}
