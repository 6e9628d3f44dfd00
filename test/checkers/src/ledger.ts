import { float64, uint8, uint32 } from './columns.ts';
import { HistoryError, type PublishAck, type PublishStart, type Read } from './events.ts';

/** What is known of a message, as bits. */
export const STARTED = 1;
export const ACKED = 2;
export const FAILED = 4;
export const UNKNOWN = 8;

/** Who said that something stands at a place of the stream, as bits. */
const CLAIMED_BY_ACK = 1;
export const CLAIMED_BY_READ = 2;
export const CLAIMED_BY_FINAL = 4;

/** The messages of one producer in one stream; columns by the producer's own sequence. */
export class ProducerLedger {
  readonly name: string;
  readonly index: number;
  readonly state = uint8();
  readonly hash = uint32();
  readonly ackOffset = float64(-1);
  readonly ackSequenceNumber = float64(-1);
  /** Sequence number of the stream at which the message was first read; -1 when it was not. */
  readonly readAt = float64(-1);
  /** Sequences run below this. */
  count = 0;

  constructor(name: string, index: number) {
    this.name = name;
    this.index = index;
  }

  mark(sequence: number, bits: number): void {
    this.state.mark(sequence, bits);
    this.count = Math.max(this.count, sequence + 1);
  }

  start({ sequence, hash }: PublishStart): void {
    const started = (this.state.get(sequence) & STARTED) !== 0;
    if (started && this.hash.get(sequence) !== hash) {
      throw new HistoryError(
        'contradiction',
        `${this.name} published its message ${sequence} twice, with different values`,
      );
    }
    this.mark(sequence, STARTED);
    this.hash.set(sequence, hash);
  }
}

/** One stream: its producers, and its places by sequence number. */
export class StreamLedger {
  readonly name: string;
  readonly producers: ProducerLedger[] = [];
  readonly claims = uint8();
  readonly offset = float64(-1);
  readonly timestamp = float64(-1);
  readonly epoch = float64(-1);
  readonly hash = uint32();
  /** Index of the producer, -1 for a message that does not say. */
  readonly producer = float64(-1);
  readonly sequence = float64(-1);
  /** Sequence numbers known run below this. */
  count = 0;
  final: { consumer: string; earliest: number; next: number } | undefined;
  readonly #byName = new Map<string, ProducerLedger>();

  constructor(name: string) {
    this.name = name;
  }

  producerNamed(name: string): ProducerLedger {
    let ledger = this.#byName.get(name);
    if (!ledger) {
      ledger = new ProducerLedger(name, this.producers.length);
      this.#byName.set(name, ledger);
      this.producers.push(ledger);
    }
    return ledger;
  }

  /** True when nobody said before what stands at `sequenceNumber`. */
  isFree(sequenceNumber: number): boolean {
    return this.claims.get(sequenceNumber) === 0;
  }

  placeAcked({ sequenceNumber, offset, sequence }: PublishAck, producer: ProducerLedger): void {
    this.offset.set(sequenceNumber, offset);
    this.producer.set(sequenceNumber, producer.index);
    this.sequence.set(sequenceNumber, sequence);
    this.#claim(sequenceNumber, CLAIMED_BY_ACK);
  }

  placeRead(read: Read, producer: ProducerLedger | undefined): void {
    const at = read.sequenceNumber;
    this.offset.set(at, read.offset);
    this.timestamp.set(at, read.timestamp);
    this.hash.set(at, read.hash);
    this.producer.set(at, producer?.index ?? -1);
    this.sequence.set(at, read.sequence);
    if (read.epoch !== undefined) this.epoch.set(at, read.epoch);
    this.#claim(at, CLAIMED_BY_READ);
  }

  claimFinal(sequenceNumber: number): void {
    this.claims.mark(sequenceNumber, CLAIMED_BY_FINAL);
  }

  /** True when the final read brought this message. */
  isInFinal(producer: ProducerLedger, sequence: number): boolean {
    const at = producer.readAt.get(sequence);
    return at !== -1 && (this.claims.get(at) & CLAIMED_BY_FINAL) !== 0;
  }

  /** What stands at a sequence number, for a sentence. */
  describe(sequenceNumber: number): string {
    const producer = this.producers[this.producer.get(sequenceNumber)];
    const who = producer
      ? `${producer.name} #${this.sequence.get(sequenceNumber)}`
      : 'a message of no known producer';
    return `${who} at offset ${this.offset.get(sequenceNumber)}, sequence number ${sequenceNumber} of ${this.name}`;
  }

  #claim(sequenceNumber: number, by: number): void {
    this.claims.mark(sequenceNumber, by);
    this.count = Math.max(this.count, sequenceNumber + 1);
  }
}
