import {
  type Commit,
  encodeBatch,
  encodeCommit,
  encodeProducerCheckpoint,
  type Message,
  messageId,
  type ProducerEntry,
  type ValueKind,
} from '@message-vault/framing';
import type { SeededRandom } from '@message-vault/runtime/testing';

/** A valid batch and what it was made of. */
export interface BatchSample {
  readonly bytes: Uint8Array;
  /** The same messages, never compressed. */
  readonly plain: Uint8Array;
  readonly count: number;
}

export interface CommitSample {
  readonly bytes: Uint8Array;
  readonly batches: readonly BatchSample[];
  readonly checkpoint: Uint8Array | undefined;
}

/** Valid input of every shape: what mutations start from. */
export interface Samples {
  readonly batches: readonly BatchSample[];
  readonly commits: readonly CommitSample[];
  readonly checkpoints: readonly Uint8Array[];
  readonly messageIds: readonly string[];
}

const WORDS = ['order', 'Zürich', '⛰', '', 'a', 'content-type', '日本', 'x'.repeat(130), 'ÿ', '\u0000'];
const KINDS: readonly ValueKind[] = ['bytes', 'text', 'json'];
/** Message counts: mostly small, so that a mutation is likely to hit something that matters. */
const BATCH_SIZES = [1, 1, 1, 2, 3, 5, 20, 200];

export function makeSamples(random: SeededRandom): Samples {
  const batches = Array.from({ length: 60 }, () => batchSample(random));
  return {
    batches,
    commits: Array.from({ length: 40 }, () => commitSample(random, batches)),
    checkpoints: Array.from({ length: 20 }, () => checkpointSample(random)),
    messageIds: Array.from({ length: 20 }, () =>
      messageId(uuid(random), random.uint32() * 999, safeInteger(random)),
    ),
  };
}

function uuid(random: SeededRandom): string {
  const hex = Buffer.from(random.bytes(16)).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function safeInteger(random: SeededRandom): number {
  return random.below(2 ** 21) * 2 ** 32 + random.uint32();
}

function message(random: SeededRandom): Message {
  const value = random.chance(0.5)
    ? random.bytes(random.below(90))
    : new Uint8Array(random.below(400)).fill(65);
  const headers = Array.from({ length: random.pick([0, 0, 1, 3]) }, (_, index): [string, string] => {
    return [`${random.pick(WORDS)}${index}`, random.pick(WORDS)];
  });
  return {
    key: random.chance(0.5) ? random.pick(WORDS) : undefined,
    value,
    kind: random.pick(KINDS),
    headers,
  };
}

function batchSample(random: SeededRandom): BatchSample {
  const count = random.pick(BATCH_SIZES);
  const messages = Array.from({ length: count }, () => message(random));
  const epoch = random.uint32();
  const producer = random.chance(0.5)
    ? { id: uuid(random), epoch, sequence: safeInteger(random) }
    : undefined;
  const codec = random.chance(0.5) ? 'zstd' : 'none';
  return {
    bytes: encodeBatch({ messages, codec, producer }),
    plain: encodeBatch({ messages, producer }),
    count,
  };
}

function commitSample(random: SeededRandom, pool: readonly BatchSample[]): CommitSample {
  const batches = Array.from({ length: random.pick([0, 1, 1, 2, 4]) }, () => random.pick(pool));
  const checkpoint = random.chance(0.3) ? checkpointSample(random) : undefined;
  const number = random.pick([0, 1, 7, 8, 9, 64, 65, random.uint32()]);
  const commit: Commit = {
    streamId: uuid(random),
    epoch: random.uint32(),
    page: number * 3,
    number,
    firstSequenceNumber: safeInteger(random) / 2 ** 10,
    timestamp: random.uint32() * 999,
    skips: Array.from({ length: 8 }, (_, level) => skip(number, level)),
    messageCount: batches.reduce((sum, batch) => sum + batch.count, 0),
    lastInSegment: random.chance(0.2),
    batches: batches.map((batch) => batch.bytes),
    checkpoint,
  };
  const whole = { ...commit, firstSequenceNumber: Math.floor(commit.firstSequenceNumber) };
  return { bytes: encodeCommit(whole), batches, checkpoint };
}

/** Skip pointers of a stream whose commits take three pages each. */
function skip(number: number, level: number): number {
  const step = 8 ** level;
  return number === 0 ? -1 : Math.floor((number - 1) / step) * step * 3;
}

function checkpointSample(random: SeededRandom): Uint8Array {
  const entries = Array.from({ length: random.below(5) }, (): ProducerEntry => {
    const first = random.uint32();
    const answers = Array.from({ length: 1 + random.below(5) }, (_, index) => ({
      sequence: first + index,
      count: 1 + random.below(16_384),
      firstOffset: random.uint32(),
      nextOffset: 2 ** 33 + random.uint32(),
      firstSequenceNumber: safeInteger(random),
      timestamp: random.uint32() * 999,
    }));
    return { id: uuid(random), epoch: random.uint32(), answers };
  });
  return encodeProducerCheckpoint(entries);
}
