import type { ProducerIdentity } from '@message-vault/framing';
import { invariant, type Runtime } from '@message-vault/runtime';
import { VaultClientError } from '../errors.ts';

/** Epochs of the wire a run with a fixed identity has for itself: the wire's u32 has room for 65,536 such runs. */
const EPOCHS_PER_RUN = 65_536;
const MAX_GIVEN_EPOCH = 65_535;
/** The most a u32 holds. */
const MAX_EPOCH = 0xffff_ffff;

/** What a client numbers its batches under: an id, and a range of epochs nobody else uses with it. */
export interface ProducerEpochs {
  readonly id: string;
  /** Which of its epochs a stream begins with. */
  readonly first: number;
  /** The `n`th epoch as it goes over the wire, undefined when the range has no more. */
  at(n: number): number | undefined;
  /** A stream's place was forgotten: no stream begins with an epoch below the `n`th from now on. */
  beginAt(n: number): void;
}

/**
 * A client begins new epochs by itself. If they ran into those of its next run, a batch of that run would be taken
 * for a repeat of one of this run, answered, and lost: so every epoch given stands for a range of its own. A random
 * id (no epoch given) has all there are. Error: `invalid_argument`.
 */
export function producerEpochs(id: string, givenEpoch?: number): ProducerEpochs {
  if (givenEpoch !== undefined) checkGivenEpoch(givenEpoch);
  const base = (givenEpoch ?? 0) * EPOCHS_PER_RUN;
  const last = givenEpoch === undefined ? MAX_EPOCH : base + EPOCHS_PER_RUN - 1;
  let first = 0;
  return {
    id,
    get first() {
      return first;
    },
    at: (n) => (base + n <= last ? base + n : undefined),
    beginAt: (n) => {
      first = Math.max(first, n);
    },
  };
}

function checkGivenEpoch(epoch: number): void {
  if (Number.isInteger(epoch) && epoch >= 0 && epoch <= MAX_GIVEN_EPOCH) return;
  throw new VaultClientError(
    'invalid_argument',
    `producer.epoch is a whole number from 0 to ${MAX_GIVEN_EPOCH}, not ${epoch}`,
  );
}

/** A node may forget a producer it has not heard of for 15 minutes: well before that, a new epoch is begun. */
const EPOCH_IDLE_MS = 5 * 60_000;

/** Numbers the batches of one stream: epochs, and in each a sequence without gaps. */
export class BatchNumbers {
  readonly #epochs: ProducerEpochs;
  readonly #runtime: Runtime;
  /** Undefined: the next batch begins a new one. */
  #epoch: number | undefined;
  #nextEpoch: number;
  #sequence = 0;
  #heardAt = 0;

  constructor(epochs: ProducerEpochs, runtime: Runtime) {
    this.#epochs = epochs;
    this.#runtime = runtime;
    this.#nextEpoch = epochs.first;
  }

  /** The sequence the next batch will have, if it is in the same epoch. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The first of the producer's epochs that this stream has not used. */
  get nextEpoch(): number {
    return this.#nextEpoch;
  }

  /**
   * The identity of the next batch; `advance` when it is used. `open`: batches that have not come to an end.
   * Undefined when the producer's epochs are used up.
   */
  next(open: number): ProducerIdentity | undefined {
    if (open === 0 && this.#runtime.monotonic() - this.#heardAt > EPOCH_IDLE_MS) this.#epoch = undefined;
    if (this.#epoch === undefined) {
      invariant(open === 0, 'an epoch ends only when none of its batches is under way');
      this.#epoch = this.#epochs.at(this.#nextEpoch);
      if (this.#epoch === undefined) return undefined;
      this.#nextEpoch += 1;
      this.#sequence = 0;
    }
    return { id: this.#epochs.id, epoch: this.#epoch, sequence: this.#sequence };
  }

  advance(): void {
    this.#sequence += 1;
  }

  /** An attempt has ended: until now at the latest, the node has known this producer. */
  heard(): void {
    this.#heardAt = this.#runtime.monotonic();
  }

  endEpoch(): void {
    this.#epoch = undefined;
  }
}
