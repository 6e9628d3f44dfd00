import {
  checkBatch,
  decodeBatch,
  decodeBatchHeader,
  decodeCommit,
  decodeCommitHeader,
  decodeProducerCheckpoint,
  encodeBatch,
  encodeCommit,
  encodeProducerCheckpoint,
  FramingError,
  type FramingErrorCode,
  isBlank,
  MAX_RECORDS_BYTES,
  parseMessageId,
  readTrailer,
} from '@message-vault/framing';
import type { SeededRandom } from '@message-vault/runtime/testing';
import { aimAtBatch, aimAtCheckpoint, aimAtCommit, aimAtMessageId } from './aim.ts';
import type { Samples } from './samples.ts';

/** A decoder broke one of its promises: what the fuzzer looks for. */
class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
}

/** What became of one input: accepted, or the code it was refused with. */
export type Verdict = 'accepted' | FramingErrorCode;

/** One kind of input: how to make it and how to try the decoders on it. */
export interface Target {
  readonly name: string;
  /** A damaged input; a message id is given as the bytes of its text. */
  make(random: SeededRandom, samples: Samples): Uint8Array;
  /** Decodes. Anything it throws is a finding. */
  exercise(input: Uint8Array): Verdict;
}

type Outcome<Value> = { readonly value: Value } | { readonly refusal: FramingError };

/** Runs a decoder; only a FramingError with a place that makes sense counts as a refusal. */
function attempt<Value>(input: Uint8Array, decode: () => Value): Outcome<Value> {
  try {
    return { value: decode() };
  } catch (error) {
    if (!(error instanceof FramingError)) throw error;
    // Inside compressed records the place counts as if they stood there uncompressed.
    const last = Math.max(input.byteLength, 56 + MAX_RECORDS_BYTES);
    if (!Number.isInteger(error.at) || error.at < 0 || error.at > last) {
      throw new BrokenPromise(`a refusal at byte ${error.at} of ${input.byteLength}`, { cause: error });
    }
    return { refusal: error };
  }
}

function promise(kept: boolean, what: string): void {
  if (!kept) throw new BrokenPromise(what);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function exerciseBatch(input: Uint8Array): Verdict {
  attempt(input, () => decodeBatchHeader(input));
  const checked = attempt(input, () => checkBatch(input));
  const decoded = attempt(input, () => decodeBatch(input));
  if ('refusal' in checked || 'refusal' in decoded) {
    const alike =
      'refusal' in checked &&
      'refusal' in decoded &&
      checked.refusal.code === decoded.refusal.code &&
      checked.refusal.at === decoded.refusal.at;
    promise(alike, 'checkBatch and decodeBatch do not agree');
    return 'refusal' in checked ? checked.refusal.code : 'accepted';
  }
  const { header, messages } = decoded.value;
  promise(messages.length === header.messageCount, 'an accepted batch does not hold the messages it counts');
  const again = encodeBatch({ messages, codec: header.codec, producer: header.producer });
  if (header.codec === 'none') promise(same(again, input), 'an accepted batch has a second encoding');
  else
    promise(
      checkBatch(again).recordsBytes === header.recordsBytes,
      'accepted records have a second encoding',
    );
  return 'accepted';
}

function exerciseCommit(input: Uint8Array): Verdict {
  isBlank(input);
  readTrailer(input, input.byteLength);
  const header = attempt(input, () => decodeCommitHeader(input));
  const decoded = attempt(input, () => decodeCommit(input));
  if ('refusal' in decoded) return decoded.refusal.code;
  promise('value' in header, 'decodeCommit accepts a header that decodeCommitHeader refuses');
  const { batches, checkpoint } = decoded.value;
  const sound = batches.map(exerciseBatch).every((verdict) => verdict === 'accepted');
  if (checkpoint !== undefined) exerciseCheckpoint(checkpoint);
  const again = encodeCommit({ ...decoded.value.header, batches, checkpoint });
  // The CRC of what is encoded is made from those the batches carry: where these are wrong, it gives them away.
  promise(
    !sound || same(again, input.subarray(0, again.byteLength)),
    'an accepted commit has a second encoding',
  );
  const elsewhere = attempt(input, () => decodeCommit(input, 0, { page: decoded.value.header.page + 1 }));
  promise(
    'refusal' in elsewhere && elsewhere.refusal.code === 'wrong_place',
    'a commit passes for one of another page',
  );
  return 'accepted';
}

function exerciseCheckpoint(input: Uint8Array): Verdict {
  const decoded = attempt(input, () => decodeProducerCheckpoint(input));
  if ('refusal' in decoded) return decoded.refusal.code;
  promise(
    same(encodeProducerCheckpoint(decoded.value), input),
    'an accepted checkpoint has a second encoding',
  );
  return 'accepted';
}

function exerciseMessageId(input: Uint8Array): Verdict {
  const id = Buffer.from(input).toString('utf8');
  const parsed = attempt(input, () => parseMessageId(id));
  if ('refusal' in parsed) return parsed.refusal.code;
  const { timestamp, sequenceNumber, streamHash } = parsed.value;
  const sequence = BigInt(sequenceNumber);
  const low = (0b10n << 62n) | ((sequence & (2n ** 41n - 1n)) << 21n) | BigInt(streamHash);
  const bits = (BigInt(timestamp) << 80n) | (7n << 76n) | ((sequence >> 41n) << 64n) | low;
  const digits = id.replaceAll('-', '').toLowerCase();
  promise(bits.toString(16).padStart(32, '0') === digits, 'an accepted message id has a second form');
  return 'accepted';
}

export const TARGETS: readonly Target[] = [
  {
    name: 'batch',
    make: (random, samples) => aimAtBatch(random, random.pick(samples.batches), samples),
    exercise: exerciseBatch,
  },
  {
    name: 'commit',
    make: (random, samples) => aimAtCommit(random, random.pick(samples.commits), samples),
    exercise: exerciseCommit,
  },
  {
    name: 'checkpoint',
    make: (random, samples) => aimAtCheckpoint(random, random.pick(samples.checkpoints), samples),
    exercise: exerciseCheckpoint,
  },
  {
    name: 'message id',
    make: (random, samples) => Buffer.from(aimAtMessageId(random, random.pick(samples.messageIds)), 'utf8'),
    exercise: exerciseMessageId,
  },
];
