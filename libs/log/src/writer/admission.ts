import type { BatchHeader, ProducerAnswer, ProducerIdentity } from '@message-vault/framing';
import { LogError } from '../errors.ts';
import type { PendingBatch } from './inbox.ts';
import { lastAnswer, type ProducerWindow } from './producer-window.ts';

/** What a producer's batch is to the stream. */
export type Verdict =
  | { readonly kind: 'new' }
  /** Stored before: here is the first answer. */
  | { readonly kind: 'stored'; readonly answer: ProducerAnswer }
  /** Taken in before and on its way: wait for the same answer. */
  | { readonly kind: 'pending'; readonly batch: PendingBatch }
  | { readonly kind: 'refused'; readonly error: LogError };

interface PendingProducer {
  readonly epoch: number;
  lastSequence: number;
  readonly batches: Map<number, PendingBatch>;
}

/** How a batch's producer epoch and sequence compare with the last one known of its producer. */
type EpochIs = 'unknown' | 'lower' | 'same' | 'higher';
type SequenceIs = 'first' | 'next' | 'ahead' | 'behind';
type Rule = 'take' | 'gap' | 'fenced' | 'repeat';

/**
 * Every combination, first match counts; `*` stands for any. `first` is sequence 0, `next` one above the last known,
 * `ahead` above that and `behind` at or below the last known; for an epoch that is not the known one only `first` is
 * told from the rest.
 */
export const admissionRules: readonly { epoch: EpochIs | '*'; sequence: SequenceIs | '*'; rule: Rule }[] = [
  { epoch: 'lower', sequence: '*', rule: 'fenced' },
  { epoch: 'same', sequence: 'next', rule: 'take' },
  { epoch: 'same', sequence: 'ahead', rule: 'gap' },
  { epoch: 'same', sequence: '*', rule: 'repeat' },
  { epoch: '*', sequence: 'first', rule: 'take' },
  { epoch: '*', sequence: '*', rule: 'gap' },
];

/** Decides on batches of idempotent producers by what is stored and what is on its way. */
export class Admission {
  window: ProducerWindow;
  /** Undefined while nothing is on its way: most streams are idle. */
  #pending: Map<string, PendingProducer> | undefined;

  constructor(window: ProducerWindow) {
    this.window = window;
  }

  judge(producer: ProducerIdentity | undefined): Verdict {
    if (producer === undefined) return { kind: 'new' };
    const known = this.#known(producer.id);
    const rule = ruleFor(producer, known);
    if (rule === 'take') return { kind: 'new' };
    if (rule === 'repeat') return this.#repeat(producer);
    if (rule === 'fenced')
      return refuse('producer_fenced', `epoch ${known?.epoch} of this producer has published`, {
        producerEpoch: known?.epoch ?? 0,
      });
    const expected = known?.epoch === producer.epoch ? known.lastSequence + 1 : 0;
    const message = `batch ${producer.sequence} came where batch ${expected} of the producer's epoch ${producer.epoch} must`;
    return refuse('producer_gap', message, { expectedProducerSequence: expected });
  }

  add(batch: PendingBatch): void {
    const { producer } = batch.header;
    if (producer === undefined) return;
    this.#pending ??= new Map();
    let pending = this.#pending.get(producer.id);
    if (pending?.epoch !== producer.epoch) {
      pending = { epoch: producer.epoch, lastSequence: producer.sequence, batches: new Map() };
      this.#pending.set(producer.id, pending);
    }
    pending.lastSequence = producer.sequence;
    pending.batches.set(producer.sequence, batch);
  }

  /** The batch is stored, and in the window, or was given up. */
  remove(batch: PendingBatch): void {
    const { producer } = batch.header;
    if (producer === undefined) return;
    const pending = this.#pending?.get(producer.id);
    if (pending?.batches.get(producer.sequence) !== batch) return;
    pending.batches.delete(producer.sequence);
    if (pending.batches.size === 0) this.#pending?.delete(producer.id);
    if (this.#pending?.size === 0) this.#pending = undefined;
  }

  /** Only `batches` are on their way now; all others were given up. */
  reset(batches: readonly PendingBatch[]): void {
    this.#pending = undefined;
    for (const batch of batches) this.add(batch);
  }

  #known(producerId: string): { epoch: number; lastSequence: number } | undefined {
    const pending = this.#pending?.get(producerId);
    if (pending !== undefined) return pending;
    const entry = this.window.get(producerId);
    return entry && { epoch: entry.epoch, lastSequence: lastAnswer(entry).sequence };
  }

  #repeat(producer: ProducerIdentity): Verdict {
    const batch = this.#pending?.get(producer.id)?.batches.get(producer.sequence);
    if (batch !== undefined) return { kind: 'pending', batch };
    const entry = this.window.get(producer.id);
    const kept = entry?.epoch === producer.epoch ? entry.answers : [];
    const answer = kept.find(({ sequence }) => sequence === producer.sequence);
    if (answer !== undefined) return { kind: 'stored', answer };
    return refuse(
      'producer_sequence_too_old',
      `batch ${producer.sequence} was stored so long ago that its answer is gone`,
      {},
    );
  }
}

/** Exported for the test that goes through every combination. */
export function ruleFor(
  batch: Pick<BatchHeader['producer'] & object, 'epoch' | 'sequence'>,
  known: { epoch: number; lastSequence: number } | undefined,
): Rule {
  const epoch = compareEpoch(batch.epoch, known?.epoch);
  const sequence = compareSequence(batch.sequence, epoch === 'same' ? known?.lastSequence : undefined);
  const row = admissionRules.find((rule) => matches(rule.epoch, epoch) && matches(rule.sequence, sequence));
  return row?.rule ?? 'gap';
}

function matches<T extends string>(cell: T | '*', value: T): boolean {
  return cell === '*' || cell === value;
}

function compareEpoch(epoch: number, known: number | undefined): EpochIs {
  if (known === undefined) return 'unknown';
  if (epoch === known) return 'same';
  return epoch < known ? 'lower' : 'higher';
}

function compareSequence(sequence: number, last: number | undefined): SequenceIs {
  if (last === undefined) return sequence === 0 ? 'first' : 'ahead';
  if (sequence === last + 1) return 'next';
  return sequence > last ? 'ahead' : 'behind';
}

function refuse(code: LogError['code'], message: string, details: LogError['details']): Verdict {
  return { kind: 'refused', error: new LogError(code, message, details) };
}
