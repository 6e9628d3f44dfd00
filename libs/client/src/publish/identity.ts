import type { ProducerIdentity } from '@message-vault/framing';
import { invariant, type Runtime } from '@message-vault/runtime';

export interface ProducerSource {
  readonly id: string;
  /** Each answer is higher than the one before. */
  nextEpoch(): number;
}

/** A node may forget a producer it has not heard of for 15 minutes: well before that, a new epoch is begun. */
const EPOCH_IDLE_MS = 5 * 60_000;

/** Numbers the batches of one stream: epochs, and in each a sequence without gaps. */
export class BatchNumbers {
  readonly #producer: ProducerSource;
  readonly #runtime: Runtime;
  /** Undefined: the next batch begins a new one. */
  #epoch: number | undefined;
  #sequence = 0;
  #heardAt = 0;

  constructor(producer: ProducerSource, runtime: Runtime) {
    this.#producer = producer;
    this.#runtime = runtime;
  }

  /** The sequence the next batch will have, if it is in the same epoch. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The identity of the next batch; `advance` when it is used. `open`: batches that have not come to an end. */
  next(open: number): ProducerIdentity {
    if (open === 0 && this.#runtime.monotonic() - this.#heardAt > EPOCH_IDLE_MS) this.#epoch = undefined;
    if (this.#epoch === undefined) {
      invariant(open === 0, 'an epoch ends only when none of its batches is under way');
      this.#epoch = this.#producer.nextEpoch();
      this.#sequence = 0;
    }
    return { id: this.#producer.id, epoch: this.#epoch, sequence: this.#sequence };
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
