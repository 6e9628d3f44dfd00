import type { ReadMessage } from '@message-vault/log';
import { messageOf } from '@message-vault/runtime';
import { backOffMs } from './back-off.ts';
import type { Cursor, Doubt } from './cursors-document.ts';
import type { DeliveryResult } from './delivery.ts';
import type { IntakeBatch, IntakeChunk } from './intake.ts';
import { readIntake } from './intake-reading.ts';
import type { StreamPlace } from './position.ts';
import type { Pump, PumpContext, PumpError } from './pump.ts';
import { type Entry, Window } from './window.ts';

/** Takes messages one by one. */
export interface MessageTarget {
  /** Deliveries in flight at once. */
  readonly concurrency: number;
  /** Tries until a message is given up; undefined: until it has waited too long. */
  maxAttempts(): number | undefined;
  /** `full`: not taken; the pump is kicked once there is room. */
  deliver(message: ReadMessage, attempt: number): Promise<DeliveryResult | { readonly outcome: 'full' }>;
}

export interface MessagePumpOptions {
  readonly context: PumpContext;
  readonly target: MessageTarget;
  readonly start: Cursor;
  /** Offsets from the cursor on that are dealt with already. */
  readonly done?: readonly number[];
  /** Messages between the first one not done and the last one read, at most. */
  readonly maxSpan?: number;
  /**
   * Nothing is tried that lies more than so many messages behind the saved cursor: the next leader then knows which ones
   * may have been delivered. At the start those are doubtful, if they lie below `below`.
   */
  readonly doubt?: { readonly count: number; readonly below: number };
  /** A try has failed: true when somebody else takes the message over, now or in a moment. */
  readonly takenOver?: (entry: Entry, reason: string) => boolean;
  /** A message was dealt with, whether the cursor moved or not. */
  readonly finished?: (entry: Entry) => void;
}

const MAX_UNDONE = 256;
const MAX_SPAN = 8192;
/** Bytes of messages that wait for their first try; one may always. */
const MAX_FRESH_BYTES = 256 * 1024;
/** After so many failures in a row one message at a time is tried, the oldest. */
const FAILING_AFTER = 3;
const LOOK_AGAIN_MS = 50;
/** What a message takes besides its value, roughly. */
const MESSAGE_BYTES = 512;

/**
 * Delivers to a queue, a webhook or a connected listener: several messages at once, each with its own tries, none behind
 * another that fails. While everything fails, only the oldest message is tried.
 */
export class MessagePump implements Pump {
  lastError: PumpError | undefined;
  readonly #options: MessagePumpOptions;
  readonly #window: Window;
  readonly #done: Set<number>;
  /** Messages the cursor had passed when it was saved: at the last save that went well, and at the one under way. */
  #saved = 0;
  #saving = 0;
  #fresh: Entry[] = [];
  #freshBytes = 0;
  readonly #due: Entry[] = [];
  readonly #backingOff = new Set<Entry>();
  #inFlight = 0;
  #failures = 0;
  #blocked = false;
  /** What was full before the last kick may have room since. */
  #kicks = 0;
  #reading = false;
  #readFailures = 0;
  #stopped = false;
  #idle: (() => void)[] = [];

  constructor(options: MessagePumpOptions) {
    this.#options = options;
    this.#window = new Window(options.start);
    this.#done = new Set(options.done);
  }

  get cursor(): Cursor {
    return this.#window.cursor;
  }

  get next(): StreamPlace {
    return this.#window.next;
  }

  /** Nothing is sent under numbers. */
  get reached(): number {
    return this.#window.cursor.offset;
  }

  get failing(): boolean {
    return this.#failures >= FAILING_AFTER;
  }

  doneBeyond(): number[] {
    // What was done before this pump began is not in the window until it is read.
    return [...this.#window.doneBeyond(), ...this.#done];
  }

  /** What an earlier leader may have delivered and is not dealt with. */
  doubtLeft(): Doubt {
    const { doubt, target } = this.#options;
    const attempted = target.maxAttempts() === undefined;
    return {
      offsets: this.#window.undoneOffsets((entry) => entry.doubtful || (attempted && entry.attempts > 0)),
      count: Math.max(0, (doubt?.count ?? 0) - this.#window.added),
      below: doubt?.below ?? 0,
    };
  }

  /** The cursor as it is now is being saved … */
  saving(): void {
    this.#saving = this.#window.passed;
  }

  /** … and has been. */
  saved(): void {
    const waits = this.#isAtDoubtsEnd();
    this.#saved = this.#saving;
    if (waits) this.#advance();
  }

  #isAtDoubtsEnd(): boolean {
    const { doubt } = this.#options;
    return doubt !== undefined && this.#window.added - this.#saved >= doubt.count;
  }

  kick(): void {
    this.#kicks += 1;
    this.#blocked = false;
    this.#advance();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    const { alarms } = this.#options.context;
    alarms.clear(this);
    alarms.clear(this.#due);
    for (const entry of this.#backingOff) alarms.clear(entry);
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#settleIdle();
    });
  }

  #advance(): void {
    if (this.#stopped) return;
    for (let entry = this.#nextToTry(); entry !== undefined; entry = this.#nextToTry()) {
      if (!this.#begin(entry)) return;
    }
    this.#fill();
  }

  #nextToTry(): Entry | undefined {
    const allowed = this.failing ? 1 : this.#options.target.concurrency;
    if (this.#stopped || this.#blocked || this.#inFlight >= allowed) return undefined;
    if (this.#due.length > 0) return this.#due[0];
    return this.failing && this.#backingOff.size > 0 ? undefined : this.#fresh[0];
  }

  /** False when there is no room for it, or this node can't be sure any more that it leads. */
  #begin(entry: Entry): boolean {
    const { budget, ports } = this.#options.context;
    if (!ports.leadership.isLeading()) return false;
    const bytes = entry.bytes + MESSAGE_BYTES;
    if (!budget.tryTake(bytes, this.#onRoom)) return false;
    if (this.#due[0] === entry) this.#due.shift();
    else this.#freshBytes -= this.#fresh.shift()?.bytes ?? 0;
    this.#inFlight += 1;
    void this.#try(entry).finally(() => {
      this.#inFlight -= 1;
      budget.give(bytes);
      this.#settleIdle();
      this.#advance();
    });
    return true;
  }

  readonly #onRoom = (): void => this.#advance();

  async #try(entry: Entry): Promise<void> {
    const { context, target } = this.#options;
    try {
      const message = entry.message ?? (await context.intake.message(entry.offset));
      entry.message = message;
      if (message === undefined) return this.#finish(entry);
      const age = context.ports.runtime.now() - message.timestamp;
      if (age > context.policy().bufferTimeoutMs) entry.givenUp ??= 'the message has waited too long';
      if (entry.givenUp !== undefined) return await this.#giveUp(entry, message, entry.givenUp);
      // Reading it may have taken longer than this leader leads.
      if (!context.ports.leadership.isLeading()) return void this.#due.unshift(entry);
      const kicks = this.#kicks;
      const result = await target.deliver(message, entry.attempts + 1);
      if (result.outcome === 'full') this.#full(entry, kicks);
      else await this.#settle(entry, message, result);
    } catch (error) {
      this.#failed(entry, messageOf(error), undefined);
    }
  }

  /** It was not taken. `kicks`: how many there had been when it was offered. */
  #full(entry: Entry, kicks: number): void {
    this.#blocked ||= kicks === this.#kicks;
    this.#requeue(entry);
  }

  async #settle(entry: Entry, message: ReadMessage, result: DeliveryResult): Promise<void> {
    const { context } = this.#options;
    switch (result.outcome) {
      case 'delivered':
        this.#succeeded();
        return this.#finish(entry);
      case 'later':
        this.#blocked = true;
        this.#requeue(entry);
        return context.alarms.setSooner(this.#due, result.afterMs, () => this.kick());
      case 'refused':
        this.#note(result.reason);
        return await this.#giveUp(entry, message, result.reason);
      case 'gone':
        this.#note(result.reason);
        this.#due.unshift(entry);
        this.#stopped = true;
        context.ended(result.reason);
        return;
      case 'retry':
        return this.#failed(entry, result.reason, result.afterMs);
    }
  }

  #succeeded(): void {
    const recovered = this.failing;
    this.#failures = 0;
    if (!recovered) return;
    // The others waited for the subscriber to come back, and it has.
    for (const entry of this.#backingOff)
      this.#options.context.alarms.set(entry, 0, () => this.#comeBack(entry));
  }

  #failed(entry: Entry, reason: string, askedMs: number | undefined): void {
    const { context, target, takenOver } = this.#options;
    // Also when nobody will try it again: it may have been delivered.
    entry.attempts += 1;
    if (this.#stopped || context.signal.aborted) return;
    this.#note(reason);
    this.#failures += 1;
    // They won't have their turn soon: they are read again.
    if (this.failing) for (const waiting of this.#fresh) waiting.message = undefined;
    if (entry.givenUp === undefined && takenOver?.(entry, reason)) {
      this.#finish(entry);
      return;
    }
    // It may wait for long: it is read again.
    entry.message = undefined;
    const most = target.maxAttempts();
    if (most !== undefined && entry.attempts >= most) entry.givenUp ??= reason;
    const afterMs = backOffMs(entry.attempts, context.ports.runtime.random(), { askedMs });
    this.#backingOff.add(entry);
    context.alarms.set(entry, entry.givenUp === undefined ? afterMs : 0, () => this.#comeBack(entry));
  }

  #comeBack(entry: Entry): void {
    this.#backingOff.delete(entry);
    this.#requeue(entry);
    this.#advance();
  }

  /** Among those that are due, in order. */
  #requeue(entry: Entry): void {
    const at = this.#due.findIndex(({ offset }) => offset > entry.offset);
    this.#due.splice(at < 0 ? this.#due.length : at, 0, entry);
  }

  async #giveUp(entry: Entry, message: ReadMessage, reason: string): Promise<void> {
    entry.givenUp = reason;
    await this.#options.context.deadLetter(message, reason);
    this.#finish(entry);
  }

  #finish(entry: Entry): void {
    const { context, finished } = this.#options;
    const moved = this.#window.finish(entry);
    finished?.(entry);
    if (moved) context.moved();
  }

  #note(reason: string): void {
    this.lastError = { at: this.#options.context.ports.runtime.now(), reason };
  }

  #wantsMore(): boolean {
    const { maxSpan = MAX_SPAN, target } = this.#options;
    if (this.#isAtDoubtsEnd()) {
      if (this.#window.passed > this.#saved) this.#options.context.saved().catch(() => {});
      return false;
    }
    if (this.#stopped || this.#reading || this.#fresh.length >= Math.max(1, target.concurrency)) return false;
    if (this.#freshBytes >= MAX_FRESH_BYTES) return false;
    return this.#window.undone < MAX_UNDONE && this.#window.span < maxSpan;
  }

  /** Reads on until there is enough to do, or nothing more to read. */
  #fill(): void {
    const { context } = this.#options;
    if (!this.#wantsMore() || this.#window.next.offset >= context.readTo()) return;
    this.#reading = true;
    void readIntake(context, this.#window.next.offset, this.#readFailures).then((reading) => {
      this.#reading = false;
      this.#settleIdle();
      if (this.#stopped) return;
      const before = this.#window.next.offset;
      if (reading.kind === 'chunk') this.#take(reading.chunk);
      if (reading.kind === 'lost') this.#skipTo(reading.earliestOffset);
      if (reading.kind === 'failed') {
        this.#readFailures += 1;
        context.alarms.set(this, reading.afterMs, this.#onRoom);
      }
      if (reading.kind !== 'chunk') this.#note(reading.reason);
      if (reading.kind === 'failed') return;
      this.#readFailures = 0;
      // What is known to have been written is not there yet for this reader, or the window is full.
      if (this.#window.next.offset === before) context.alarms.set(this, LOOK_AGAIN_MS, this.#onRoom);
      else this.#advance();
    });
  }

  /** What lay before that is there no more. */
  #skipTo(offset: number): void {
    const { sequenceNumber } = this.#window.next;
    this.#window.passTo({ offset, sequenceNumber });
    this.#options.context.moved();
  }

  #take(chunk: IntakeChunk): void {
    const before = this.#window.cursor.offset;
    const limit = this.#options.context.readTo();
    for (const batch of chunk.batches) {
      if (batch.start.offset >= limit || !this.#takeBatch(batch, limit)) break;
    }
    const { next } = this.#window;
    const { batches, nextOffset } = chunk;
    // Behind commits without messages there is nothing to take, but a place to go on at.
    if (batches.length === 0 && nextOffset > next.offset && nextOffset <= limit) {
      this.#window.passTo({ ...next, offset: nextOffset });
    }
    if (this.#window.cursor.offset !== before) this.#options.context.moved();
  }

  /** False when the window is full before the end of the batch. */
  #takeBatch(batch: IntakeBatch, limit: number): boolean {
    const { maxSpan = MAX_SPAN, context } = this.#options;
    for (const message of batch.messages()) {
      if (message.offset < this.#window.next.offset) continue;
      if (message.offset >= limit) return false;
      if (this.#window.undone >= MAX_UNDONE || this.#freshBytes >= MAX_FRESH_BYTES) return false;
      if (this.#window.span >= maxSpan || this.#isAtDoubtsEnd()) return false;
      if (!context.accepts(message)) {
        this.#window.passTo({ offset: message.offset + 1, sequenceNumber: message.sequenceNumber + 1 });
        continue;
      }
      const { count, below } = this.#options.doubt ?? { count: 0, below: 0 };
      const entry = this.#window.add(message, this.#window.added < count && message.offset < below);
      if (this.#done.delete(message.offset)) this.#window.finish(entry);
      else this.#push(entry);
    }
    this.#window.passTo(batch.next);
    return true;
  }

  #push(entry: Entry): void {
    this.#fresh.push(entry);
    this.#freshBytes += entry.bytes;
  }

  #settleIdle(): void {
    if (!this.#stopped || this.#inFlight > 0 || this.#reading) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
