import { zstdCompressSync } from 'node:zlib';
import type { SeededRandom } from '@message-vault/runtime/testing';
import { EDGES, mutateBlindly, setWord } from './mutate.ts';
import type { BatchSample, CommitSample, Samples } from './samples.ts';
import { frameBatch, frameCommit, sealBatch, sealCommit, sealCommitHeader, setBatchLength } from './seal.ts';

/* Mutations that know the format: they change one part and put right what guards it, to reach the code behind. */

const BATCH_HEADER_BYTES = 56;
const COMMIT_HEADER_BYTES = 160;
const BATCH_WORDS = [4, 8, 16, 20, 24, 40, 44, 48, 52];
const COMMIT_WORDS = Array.from({ length: COMMIT_HEADER_BYTES / 4 }, (_, index) => index * 4);
const CHECKPOINT_WORDS = [4, 8, 12, 16, 32, 36, 40, 80, 84];

type Aim<Sample> = (random: SeededRandom, sample: Sample, samples: Samples) => Uint8Array;

const BATCH_AIMS: readonly Aim<BatchSample>[] = [
  function blind(random, sample, samples) {
    return mutateBlindly(random, sample.bytes, random.pick(samples.batches).bytes);
  },
  function headerField(random, { bytes }) {
    return sealBatch(setWord(bytes, random.pick(BATCH_WORDS), edge(random)));
  },
  function anythingSealed(random, sample, samples) {
    const changed = mutateBlindly(random, sample.bytes, random.pick(samples.batches).bytes).slice();
    return sealBatch(random.chance(0.8) ? setBatchLength(changed) : changed);
  },
  function records(random, sample, samples) {
    const from = sample.plain.subarray(BATCH_HEADER_BYTES);
    const changed = mutateRecords(random, from, random.pick(samples.batches).plain);
    const count = random.chance(0.9) ? sample.count : random.pick(EDGES);
    const header = sample.plain;
    if (random.chance(0.7)) {
      return frameBatch({ header, payload: changed, count, recordsBytes: changed.byteLength, zstd: false });
    }
    return frameBatch({
      header,
      payload: zstdCompressSync(changed),
      count,
      recordsBytes: changed.byteLength,
      zstd: true,
    });
  },
  function frame(random, sample) {
    const plain = sample.plain.subarray(BATCH_HEADER_BYTES);
    const other = sample.bytes.subarray(BATCH_HEADER_BYTES);
    const payload = mutateBlindly(random, zstdCompressSync(plain), other);
    const recordsBytes = random.chance(0.7) ? plain.byteLength : random.pick(EDGES);
    return frameBatch({ header: sample.plain, payload, count: sample.count, recordsBytes, zstd: true });
  },
];

const COMMIT_AIMS: readonly Aim<CommitSample>[] = [
  function blind(random, sample, samples) {
    return mutateBlindly(random, sample.bytes, random.pick(samples.commits).bytes);
  },
  function headerField(random, { bytes }) {
    return sealCommitHeader(setWord(bytes, random.pick(COMMIT_WORDS), edge(random)));
  },
  function anythingSealed(random, sample, samples) {
    return sealCommit(mutateBlindly(random, sample.bytes, random.pick(samples.commits).bytes).slice());
  },
  function afterBody(random, { bytes }) {
    const changed = bytes.slice();
    changed[bytes.byteLength - 1 - random.below(24)] = random.below(256);
    return changed;
  },
  function batchInside(random, sample, samples) {
    const batches = sample.batches.map((batch) => batch.bytes);
    const chosen = random.pick(samples.batches);
    batches.splice(random.below(batches.length + 1), 0, aimAtBatch(random, chosen, samples));
    return reframe(random, sample, batches, chosen.count);
  },
  function checkpointInside(random, sample, samples) {
    const checkpoint = aimAtCheckpoint(random, random.pick(samples.checkpoints), samples);
    const batches = sample.batches.map((batch) => batch.bytes);
    return reframe(random, { ...sample, checkpoint }, batches, 0);
  },
];

/** A commit of these batches that is right in all it says of itself, but for a count or length now and then. */
function reframe(
  random: SeededRandom,
  sample: CommitSample,
  batches: Uint8Array[],
  more: number,
): Uint8Array {
  const body = Buffer.concat([...batches, sample.checkpoint ?? new Uint8Array()]);
  const messages = sample.batches.reduce((sum, batch) => sum + batch.count, more);
  const checkpointBytes = sample.checkpoint?.byteLength ?? 0;
  return frameCommit({
    header: sample.bytes,
    body,
    batchCount: random.chance(0.9) ? batches.length : random.pick(EDGES),
    messageCount: random.chance(0.9) ? messages : random.pick(EDGES),
    checkpointBytes: random.chance(0.9) ? checkpointBytes : random.below(body.byteLength + 2),
  });
}

/** Records are all lengths, flags and text: mostly change few bytes, and mostly to ones that mean something there. */
function mutateRecords(random: SeededRandom, records: Uint8Array, other: Uint8Array): Uint8Array {
  if (random.chance(0.4)) return mutateBlindly(random, records, other);
  const changed = records.slice();
  const near = Math.min(changed.byteLength, 64);
  for (let left = 1 + random.below(3); left > 0; left -= 1) {
    const at = random.below(random.chance(0.7) ? near : changed.byteLength);
    changed[at] = random.pick([0, 1, 2, 3, 4, 0x7f, 0x80, 0x81, 0xc3, 0xed, 0xff, random.below(256)]);
  }
  return changed;
}

export function aimAtBatch(random: SeededRandom, sample: BatchSample, samples: Samples): Uint8Array {
  return random.pick(BATCH_AIMS)(random, sample, samples);
}

export function aimAtCommit(random: SeededRandom, sample: CommitSample, samples: Samples): Uint8Array {
  return random.pick(COMMIT_AIMS)(random, sample, samples);
}

export function aimAtCheckpoint(random: SeededRandom, sample: Uint8Array, samples: Samples): Uint8Array {
  if (random.chance(0.4)) return setWord(sample, random.pick(CHECKPOINT_WORDS), edge(random));
  const changed = mutateBlindly(random, sample, random.pick(samples.checkpoints));
  return random.chance(0.6) ? setWord(changed, 8, changed.byteLength) : changed;
}

/** An id with characters exchanged, cut off or added. */
export function aimAtMessageId(random: SeededRandom, sample: string): string {
  let id = sample;
  for (let left = random.below(3); left > 0; left -= 1) {
    const at = random.below(id.length + 1);
    const put = random.pick(['', '0', '7', '8', '9', 'b', 'c', 'f', 'F', 'g', '-', '\u0000', 'é', '{']);
    id = id.slice(0, at) + put + id.slice(at + random.below(3));
  }
  return id;
}

function edge(random: SeededRandom): number {
  return random.chance(0.8) ? random.pick(EDGES) : random.uint32();
}
