import {
  decodeProducerCheckpoint,
  encodeProducerCheckpoint,
  MAX_CHECKPOINT_ANSWERS,
  type ProducerAnswer,
  type ProducerEntry,
  type ProducerIdentity,
} from '@message-vault/framing';
import { invariant } from '@message-vault/runtime';
import type { BatchPlace, StoredBatch } from './answers.ts';

export interface WindowBounds {
  readonly maxProducers: number;
  readonly producerIdleMs: number;
}

/**
 * The latest producers are remembered however long they are silent, so that a wall clock that jumps ahead can't make a
 * stream forget who is publishing to it right now.
 */
const ALWAYS_REMEMBERED = 64;

/**
 * What the stream remembers of its producers: per producer its epoch and its last answers.
 *
 * It is a function of the log alone: the writer and whoever rebuilds it apply the same commits with the same rule, so
 * they remember and forget the same. Producers stand in the order of their last batch.
 */
export class ProducerWindow {
  readonly #bounds: WindowBounds;
  readonly #entries = new Map<string, ProducerEntry>();

  constructor(bounds: WindowBounds) {
    this.#bounds = bounds;
  }

  /** The window a checkpoint holds. Throws FramingError. */
  static decode(bytes: Uint8Array, bounds: WindowBounds): ProducerWindow {
    const window = new ProducerWindow(bounds);
    for (const entry of decodeProducerCheckpoint(bytes)) window.#entries.set(entry.id, entry);
    return window;
  }

  encode(): Uint8Array {
    return encodeProducerCheckpoint([...this.#entries.values()]);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(producerId: string): ProducerEntry | undefined {
    return this.#entries.get(producerId);
  }

  /** Takes up a stored commit: forgets who was silent for long by its timestamp, then remembers its batches. */
  apply(timestamp: number, batches: readonly StoredBatch[]): void {
    this.#forgetIdle(timestamp);
    for (const { place, producer } of batches) {
      if (producer !== undefined) this.#remember(producer, place);
    }
    this.#forgetBeyond(this.#bounds.maxProducers);
  }

  #remember(producer: ProducerIdentity, place: BatchPlace): void {
    const known = this.#entries.get(producer.id);
    const kept = known !== undefined && known.epoch === producer.epoch ? known.answers : [];
    const last = kept.at(-1);
    invariant(
      last === undefined || producer.sequence === last.sequence + 1,
      `batch ${producer.sequence} of producer ${producer.id} was stored behind ${last?.sequence}`,
    );
    const answers = [...kept, answerOf(producer, place)].slice(-MAX_CHECKPOINT_ANSWERS);
    this.#entries.delete(producer.id);
    this.#entries.set(producer.id, { id: producer.id, epoch: producer.epoch, answers });
  }

  #forgetIdle(timestamp: number): void {
    const silentSince = timestamp - this.#bounds.producerIdleMs;
    for (const [id, entry] of this.#entries) {
      if (this.#entries.size <= ALWAYS_REMEMBERED || lastAnswer(entry).timestamp >= silentSince) return;
      this.#entries.delete(id);
    }
  }

  #forgetBeyond(maxProducers: number): void {
    for (const id of this.#entries.keys()) {
      if (this.#entries.size <= maxProducers) return;
      this.#entries.delete(id);
    }
  }
}

/** Field by field: an object that is made by spreading takes half as much again, and these stay for as long as a stream is open. */
function answerOf({ sequence }: ProducerIdentity, place: BatchPlace): ProducerAnswer {
  const { count, firstOffset, nextOffset, firstSequenceNumber, timestamp } = place;
  return { sequence, count, firstOffset, nextOffset, firstSequenceNumber, timestamp };
}

export function lastAnswer(entry: ProducerEntry): ProducerAnswer {
  const last = entry.answers.at(-1);
  invariant(last !== undefined, `producer ${entry.id} is remembered without an answer`);
  return last;
}
