import {
  commitByteLength,
  MAX_CHECKPOINT_PRODUCERS,
  MAX_COMMIT_BYTES,
  PAGE_BYTES,
} from '@message-vault/framing';
import { defaultLimits, defaultStreamPolicy } from '@message-vault/metadata';
import { invariant } from '@message-vault/runtime';

/** What the writer of one stream is told. All have defaults: the node's limits and the default stream policy. */
export interface WriterSettings {
  /** A segment is closed by the commit with which it holds at least this many bytes. */
  readonly segmentBytes: number;
  /** … or this many commits. */
  readonly segmentCommits: number;
  /** The largest commit made, in whole pages; at most 4 MiB. */
  readonly maxCommitBytes: number;
  /** Bytes of batches that wait for their commit; above it `queue_full`. */
  readonly maxQueueBytes: number;
  /** Batches that wait for their commit; above it `queue_full`. */
  readonly maxQueueBatches: number;
  /** Every commit whose number this divides carries the dedupe window: 8, 64 or 512. */
  readonly checkpointEvery: number;
  /** Producers remembered; the one longest silent makes room. */
  readonly maxProducers: number;
  /** Producers silent for longer, by the commits' timestamps, are forgotten, but for the latest few. */
  readonly producerIdleMs: number;
  /** The longest wait for the answer to one storage call; after it a write's outcome is unknown. */
  readonly writeTimeoutMs: number;
  /** How long a commit is worked at before its publishers are told what is known of it. */
  readonly resolveForMs: number;
}

export const defaultWriterSettings: WriterSettings = Object.freeze({
  segmentBytes: defaultStreamPolicy.segmentBytes,
  segmentCommits: defaultStreamPolicy.segmentCommits,
  maxCommitBytes: MAX_COMMIT_BYTES,
  maxQueueBytes: defaultLimits.writer.maxQueueBytes,
  maxQueueBatches: defaultLimits.writer.maxQueueBatches,
  checkpointEvery: defaultLimits.writer.checkpointEvery,
  maxProducers: defaultLimits.writer.maxProducers,
  producerIdleMs: defaultLimits.writer.producerIdleMs,
  writeTimeoutMs: defaultLimits.writer.writeTimeoutMs,
  resolveForMs: defaultLimits.writer.resolveForMs,
});

/** An upper bound of what a checkpoint takes per producer and for itself, see its table in framing. */
const CHECKPOINT_PRODUCER_BYTES = 264;
const CHECKPOINT_HEADER_BYTES = 16;

/** Complete, by what was given: a leader has thousands of writers and very few different settings. */
const completed = new WeakMap<Partial<WriterSettings>, WriterSettings>();

/** Fills in the defaults. Settings that contradict each other are a bug of whoever gives them. */
export function writerSettings(given: Partial<WriterSettings> = defaultWriterSettings): WriterSettings {
  const settings = completed.get(given) ?? checked({ ...defaultWriterSettings, ...given });
  completed.set(given, settings);
  return settings;
}

function checked(settings: WriterSettings): WriterSettings {
  for (const [name, value] of Object.entries(settings)) {
    invariant(Number.isSafeInteger(value) && value > 0, `the writer setting ${name} is ${value}`);
  }
  const { maxCommitBytes, maxProducers } = settings;
  invariant(maxCommitBytes % PAGE_BYTES === 0, 'maxCommitBytes must be whole pages');
  invariant(maxCommitBytes <= MAX_COMMIT_BYTES, 'maxCommitBytes must be at most what one Put Page takes');
  invariant(CHECKPOINT_DISTANCES.includes(settings.checkpointEvery), 'checkpointEvery must be 8, 64 or 512');
  invariant(maxProducers <= MAX_CHECKPOINT_PRODUCERS, 'maxProducers is above what a checkpoint holds');
  const fullCheckpoint = CHECKPOINT_HEADER_BYTES + maxProducers * CHECKPOINT_PRODUCER_BYTES;
  invariant(
    commitByteLength(fullCheckpoint) <= maxCommitBytes,
    'a full checkpoint must fit a commit of its own',
  );
  return settings;
}

/** What `checkpointEvery` can be: distances of which every larger one is a multiple of every smaller one. */
export const CHECKPOINT_DISTANCES: readonly number[] = [8, 64, 512];
