import type { Batch } from './batch.ts';
import type { PublishCall } from './call.ts';

/** The framed batches of a stream that have not come to an end, in the order of their sequences. A handful. */
export class Window {
  #batches: Batch[] = [];

  get length(): number {
    return this.#batches.length;
  }

  get head(): Batch | undefined {
    return this.#batches[0];
  }

  push(batch: Batch): void {
    this.#batches.push(batch);
  }

  remove(batch: Batch): void {
    this.#batches = this.#batches.filter((candidate) => candidate !== batch);
  }

  takeAll(): Batch[] {
    const all = this.#batches;
    this.#batches = [];
    return all;
  }

  /** The oldest that is to be sent again. */
  firstWaiting(): Batch | undefined {
    return this.#batches.find((batch) => !batch.underWay);
  }

  /** When the oldest answer that is still due was asked for; undefined when none is due. */
  oldestSentAt(): number | undefined {
    return this.#batches.find((batch) => batch.underWay)?.sentAt;
  }

  calls(): Set<PublishCall> {
    return new Set(this.#batches.flatMap((batch) => batch.parts.map((part) => part.call)));
  }
}
