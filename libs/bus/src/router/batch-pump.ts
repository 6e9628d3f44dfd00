import { decodeBatchHeader, encodeBatch, withProducer } from '@message-vault/framing';
import { type AppendResult, isLogError } from '@message-vault/log';
import { messageOf } from '@message-vault/runtime';
import { backOffMs } from './back-off.ts';
import type { Cursor, ProducerPlace } from './cursors-document.ts';
import type { IntakeBatch, IntakeChunk } from './intake.ts';
import { readIntake } from './intake-reading.ts';
import type { StreamPlace } from './position.ts';
import type { Pump, PumpContext, PumpError } from './pump.ts';

/** A stream, or the stream a router takes in by. */
export interface BatchTarget {
  /** `gone`: the name is nothing any more, or something else. Errors: LogError. */
  append(batch: Uint8Array): Promise<AppendResult | 'gone'>;
}

export interface BatchPumpOptions {
  readonly context: PumpContext;
  readonly target: BatchTarget;
  /** Under which the target remembers what it has: belongs to this pump alone. */
  readonly producerId: string;
  readonly start: Cursor;
}

interface BatchCursor extends StreamPlace {
  readonly producer: ProducerPlace;
  readonly reached?: StreamPlace;
}

interface Sent {
  /** The cursor once this batch, and all before it, are there. */
  readonly after: BatchCursor;
  state: 'pending' | 'there' | 'failed';
  error: unknown;
  readonly bytes: number;
}

const MAX_IN_FLIGHT = 32;
const MAX_IN_FLIGHT_BYTES = 8 * 1024 * 1024;
const FAILING_AFTER = 3;
const LOOK_AGAIN_MS = 50;

/**
 * Passes batches on into a stream or router, each at most once.
 *
 * For every batch that came in exactly one goes out, less what the subscriber does not want, under this pump's own
 * producer identity; a batch of which nothing is wanted uses no number. So the numbers follow from the cursor alone: a
 * new leader that goes on from a saved cursor sends the same batches under the same numbers again, and the target knows
 * which it has.
 *
 * A pump that rests (it was stopped, or its target takes nothing) says with its cursor how far it has sent at most, and
 * sends nothing beyond before it is saved that it rests no more: see docs/adr/0032.
 */
export class BatchPump implements Pump {
  lastError: PumpError | undefined;
  readonly #options: BatchPumpOptions;
  #confirmed: BatchCursor;
  #next: StreamPlace;
  #sequence: number;
  #reached: StreamPlace;
  #rests: boolean;
  #ready: IntakeBatch[] = [];
  #sent: Sent[] = [];
  #bytes = 0;
  #failures = 0;
  /** Until the target has answered one batch is sent, and tried again: no more gets in doubt. */
  #answers = false;
  /** Changes that have to be saved before anything more is sent: of what it does not know of, the next leader sends some again. */
  #unsaved = 0;
  #waiting = false;
  #reading = false;
  #readFailures = 0;
  #stopped = false;
  #idle: (() => void)[] = [];

  constructor(options: BatchPumpOptions) {
    this.#options = options;
    const { offset, sequenceNumber, producer = { epoch: 0, sequence: 0 }, reached } = options.start;
    this.#confirmed = { offset, sequenceNumber, producer };
    this.#next = { offset, sequenceNumber };
    this.#sequence = producer.sequence;
    this.#reached = furthest(this.#next, reached ?? this.#next);
    this.#rests = reached !== undefined;
  }

  get cursor(): BatchCursor {
    return this.#rests ? { ...this.#confirmed, reached: this.#reached } : this.#confirmed;
  }

  /** Also when it has gone back: what was sent may be there, and is sent as it was, or not at all. */
  get next(): StreamPlace {
    return furthest(this.#next, this.#reached);
  }

  /** Nothing at or beyond it was ever sent, by whoever led: between it and the cursor there may be what is not confirmed. */
  get reached(): number {
    return this.#reached.offset;
  }

  get failing(): boolean {
    return this.#failures >= FAILING_AFTER;
  }

  kick(): void {
    this.#advance();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#rests = true;
    this.#options.context.alarms.clear(this);
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#settleIdle();
    });
  }

  readonly #again = (): void => {
    this.#waiting = false;
    this.#advance();
  };

  readonly #onRoom = (): void => this.#advance();

  #advance(): void {
    while (!this.#stopped && !this.#waiting && this.#ready[0] !== undefined) {
      if (!this.#send(this.#ready[0])) return;
      this.#ready.shift();
    }
    this.#fill();
  }

  /** False when it has to wait. */
  #send(batch: IntakeBatch): boolean {
    const { budget, ports } = this.#options.context;
    if (this.#unsaved > 0 || this.#sent.length >= (this.#answers ? MAX_IN_FLIGHT : 1)) return false;
    if (!ports.leadership.isLeading()) return false;
    if (this.#rests && batch.next.offset > this.#reached.offset) {
      void this.#restNoMore();
      return false;
    }
    const bytes = batch.bytes.byteLength;
    if (this.#bytes > 0 && this.#bytes + bytes > MAX_IN_FLIGHT_BYTES) return false;
    if (!budget.tryTake(bytes, this.#onRoom)) return false;
    this.#bytes += bytes;
    const { producer } = this.#confirmed;
    const outgoing = this.#outgoing(batch, { epoch: producer.epoch, sequence: this.#sequence });
    if (outgoing !== undefined) this.#sequence += 1;
    const place = { epoch: producer.epoch, sequence: this.#sequence };
    const sent: Sent = {
      after: { ...batch.next, producer: place },
      state: 'pending',
      error: undefined,
      bytes,
    };
    this.#sent.push(sent);
    this.#next = batch.next;
    this.#reached = furthest(this.#reached, batch.next);
    if (outgoing !== undefined) void this.#append(sent, outgoing);
    else this.#skip(sent);
    return true;
  }

  /** The batch as the target gets it; undefined when nothing of it is wanted. */
  #outgoing(batch: IntakeBatch, place: ProducerPlace): Uint8Array | undefined {
    const { context, producerId } = this.#options;
    const producer = { id: producerId, ...place };
    const from = this.#next.offset;
    if (context.acceptsAll() && batch.start.offset >= from) return withProducer(batch.bytes, producer);
    const messages = batch.messages();
    const wanted = messages.filter((message) => message.offset >= from && context.accepts(message));
    if (wanted.length === 0) return undefined;
    if (wanted.length === messages.length) return withProducer(batch.bytes, producer);
    return encodeBatch({ messages: wanted, codec: decodeBatchHeader(batch.bytes).codec, producer });
  }

  async #append(sent: Sent, batch: Uint8Array): Promise<void> {
    try {
      const answer = await this.#options.target.append(batch);
      if (answer === 'gone') this.#end(sent);
      else this.#answered();
    } catch (error) {
      // Sent so long before that its answer is forgotten: it is there.
      if (!isLogError(error, 'producer_sequence_too_old')) {
        sent.state = 'failed';
        sent.error = error;
      }
    }
    this.#settled(sent);
  }

  #answered(): void {
    this.#failures = 0;
    this.#answers = true;
  }

  #end(sent: Sent): void {
    sent.state = 'failed';
    if (this.#stopped) return;
    this.#stopped = true;
    this.#options.context.ended('the name it went to is gone, or has another role now');
  }

  #settled(sent: Sent): void {
    if (sent.state === 'pending') sent.state = 'there';
    this.#confirm();
    const first = this.#sent[0];
    if (first?.state === 'failed') this.#waiting = true;
    if (first?.state === 'failed' && this.#sent.every(({ state }) => state !== 'pending')) {
      void this.#recover(first.error);
    }
    this.#settleIdle();
    if (!this.#waiting) this.#advance();
  }

  /** Nothing of it was wanted. */
  #skip(sent: Sent): void {
    sent.state = 'there';
    this.#confirm();
  }

  /** The cursor moves over what is there without a gap. */
  #confirm(): void {
    while (this.#sent[0]?.state === 'there') {
      const first = this.#sent.shift();
      if (first === undefined) break;
      this.#release(first);
      this.#confirmed = { ...this.#confirmed, ...first.after };
      this.#options.context.moved();
    }
  }

  #release(sent: Sent): void {
    this.#bytes -= sent.bytes;
    this.#options.context.budget.give(sent.bytes);
  }

  /** Nothing is in flight: go on from what is known to be there. What is there already will be recognised. */
  async #recover(error: unknown): Promise<void> {
    for (const sent of this.#sent.splice(0)) this.#release(sent);
    this.#ready = [];
    this.#next = this.#confirmed;
    this.#sequence = this.#confirmed.producer.sequence;
    const { context } = this.#options;
    if (this.#stopped || context.signal.aborted) return this.#settleIdle();
    if (isLogError(error, 'producer_gap', 'producer_fenced')) {
      if (await this.#startAnew(error.details.producerEpoch)) this.#again();
      return;
    }
    this.#failures += 1;
    // However often leaders change before the target takes something again, they know how far this one got.
    if (this.failing) {
      this.#answers = false;
      this.#rests = true;
      context.moved();
    }
    this.lastError = { at: context.ports.runtime.now(), reason: messageOf(error) };
    const askedMs = isLogError(error) ? error.details.retryAfterMs : undefined;
    context.alarms.set(
      this,
      backOffMs(this.#failures, context.ports.runtime.random(), { askedMs }),
      this.#again,
    );
  }

  /**
   * The target has forgotten this producer, as it does after a long silence: from here on under a new epoch, which is
   * saved before it is used. False when it can't be: this leader has ended, and sends nothing more.
   */
  async #startAnew(knownEpoch = 0): Promise<boolean> {
    const epoch = Math.max(this.#confirmed.producer.epoch, knownEpoch) + 1;
    this.#confirmed = { ...this.#confirmed, producer: { epoch, sequence: 0 } };
    this.#sequence = 0;
    return await this.#saveFirst();
  }

  async #restNoMore(): Promise<void> {
    this.#rests = false;
    if (await this.#saveFirst()) this.#advance();
  }

  /** Nothing is sent meanwhile. False when this pump sends nothing more at all. */
  async #saveFirst(): Promise<boolean> {
    this.#unsaved += 1;
    this.#options.context.moved();
    try {
      await this.#options.context.saved();
      this.#unsaved -= 1;
      return !this.#stopped;
    } catch {
      // Who leads next begins with what was saved before.
      return false;
    }
  }

  #fill(): void {
    const { context } = this.#options;
    if (this.#stopped || this.#waiting || this.#reading || this.#ready.length > 0) return;
    const from = this.#next.offset;
    if (from >= context.readTo()) return;
    this.#reading = true;
    void readIntake(context, from, this.#readFailures).then((reading) => {
      this.#reading = false;
      this.#settleIdle();
      // A failure in the meantime has sent it back to where it was.
      if (this.#stopped || this.#next.offset !== from) return this.#advance();
      if (reading.kind === 'chunk') {
        this.#readFailures = 0;
        return this.#take(reading.chunk);
      }
      this.lastError = { at: context.ports.runtime.now(), reason: reading.reason };
      if (reading.kind === 'lost') {
        this.#sent.push(this.#passed({ ...this.#next, offset: reading.earliestOffset }));
        return this.#settleLast();
      }
      this.#readFailures += 1;
      this.#waiting = true;
      context.alarms.set(this, reading.afterMs, this.#again);
    });
  }

  #take({ batches, nextOffset }: IntakeChunk): void {
    const limit = this.#options.context.readTo();
    this.#ready = batches.filter(({ next }) => next.offset <= limit);
    if (this.#ready.length > 0) {
      this.#advance();
      return;
    }
    // A batch that reaches past the limit waits for it to be raised.
    if (batches.length > 0) return;
    if (nextOffset === this.#next.offset) {
      this.#lookAgain();
      return;
    }
    this.#sent.push(this.#passed({ ...this.#next, offset: nextOffset }));
    this.#settleLast();
  }

  /** What is known to have been written is not there yet for this reader. */
  #lookAgain(): void {
    this.#waiting = true;
    this.#options.context.alarms.set(this, LOOK_AGAIN_MS, this.#again);
  }

  /** A step over what has nothing for this subscriber. */
  #passed(to: StreamPlace): Sent {
    const producer = { epoch: this.#confirmed.producer.epoch, sequence: this.#sequence };
    this.#next = to;
    return { after: { ...to, producer }, state: 'pending', error: undefined, bytes: 0 };
  }

  #settleLast(): void {
    const last = this.#sent.at(-1);
    if (last !== undefined) this.#settled(last);
  }

  #settleIdle(): void {
    if (!this.#stopped || this.#reading || this.#sent.some(({ state }) => state === 'pending')) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

function furthest(one: StreamPlace, other: StreamPlace): StreamPlace {
  return other.offset > one.offset ? other : one;
}
