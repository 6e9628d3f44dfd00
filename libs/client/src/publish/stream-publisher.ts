import type { Timer } from '@message-vault/runtime';
import { Backoff } from '../backoff.ts';
import { type ClientContext, exchange } from '../exchange.ts';
import type { LeaderScout } from '../leader-scout.ts';
import { type Batch, type BatchSettings, roomOf, sealBatch } from './batch.ts';
import type { Part, PublishCall, PublishFailure } from './call.ts';
import { afterMicrotasks } from './give-way.ts';
import { BatchNumbers, type ProducerEpochs } from './identity.ts';
import { Linger } from './linger.ts';
import { type Again, isAboutMessages, judge, mostMessages, type Outcome, type Refusal } from './outcome.ts';
import { PartQueue } from './queue.ts';
import { groupOf, headersOf } from './request.ts';
import { Window } from './window.ts';

export interface PublishSettings extends BatchSettings {
  /** 0: a batch goes as soon as nothing is under way, and what comes meanwhile makes the next. */
  readonly lingerMs: number;
  /** Batches of one stream on their way at once. */
  readonly maxInFlight: number;
  /** An answer outstanding this long makes the client ask the other nodes who leads. */
  readonly stallAfterMs: number;
}

export interface StreamPublisherOptions {
  readonly stream: string;
  /** Which of the pipelining connections to use. */
  readonly lane: number;
  readonly context: ClientContext;
  readonly settings: PublishSettings;
  readonly producer: ProducerEpochs;
  readonly scout: LeaderScout;
}

const MAX_ANSWER_BYTES = 64 * 1024;
/** How often leadership is looked into while an answer is overdue. */
const STALLED_TICK_MS = 100;
const MAX_RETRY_AFTER_MS = 5000;
/** A queue stores each message by itself: a batch is to be through long before its answer is given up. */
const QUEUE_BATCH_MESSAGES = 100;
const EPOCHS_USED_UP: Omit<PublishFailure, 'outcome'> = {
  code: 'producer_fenced',
  message: 'this client has used up the epochs of its fixed producer: make another with a higher epoch',
};

/**
 * The one owner of what this client publishes to one stream: frames waiting messages into batches, keeps a window of
 * them under way, and brings every batch to an end.
 *
 * The window holds batches in the order of their sequences. As long as all goes well they are sent one behind the
 * other. When one has to be repeated, nothing is sent until all that is under way has ended; then the oldest goes
 * alone, and when it is stored the others follow. So a repeat never overtakes, and the same bytes carry the same
 * identity, which is what lets the leader recognise them.
 */
export class StreamPublisher {
  readonly #options: StreamPublisherOptions;
  readonly #queue = new PartQueue();
  readonly #window = new Window();
  readonly #numbers: BatchNumbers;
  readonly #backoff: Backoff;
  readonly #linger: Linger;
  /** Attempts waiting for their answer, all of them on their way to the same node. */
  #inFlight = 0;
  #flight = new AbortController();
  #target = '';
  #targetEpoch = -1;
  /** Something has to be repeated: nothing is sent until what is under way has ended and the back-off is over. */
  #recovering = false;
  /** The oldest batch is tried alone. */
  #probing = false;
  /** A batch of the window was refused for good: those behind it were not stored and need a new epoch. */
  #broken = false;
  /** An answer was for another batch: what else is sent under this epoch may be mistaken, too. */
  #mistaken = false;
  /** Recoveries since a batch was last stored. */
  #fruitless = 0;
  /** Of one batch, learnt when a queue refused more. */
  #mostMessages: number;
  /** Why nothing can be published here any more. */
  #fenced: Omit<PublishFailure, 'outcome'> | undefined;
  /** Memory of batches that were stored, for those that follow them. */
  #rooms: ArrayBuffer[] = [];
  #pumpScheduled = false;
  #flushing = false;
  #backoffTimer: Timer | undefined;
  #ticker: Timer | undefined;

  constructor(options: StreamPublisherOptions) {
    const { runtime, backoff } = options.context;
    this.#options = options;
    this.#mostMessages = options.settings.maxBatchMessages;
    this.#numbers = new BatchNumbers(options.producer, runtime);
    this.#backoff = new Backoff(runtime, backoff);
    this.#linger = new Linger(runtime, options.settings.lingerMs, () => this.#pump());
  }

  get idle(): boolean {
    return this.#window.length === 0 && this.#queue.first() === undefined;
  }

  /** The first of the producer's epochs that this stream has not used. */
  get nextEpoch(): number {
    return this.#numbers.nextEpoch;
  }

  add(call: PublishCall): void {
    if (this.#fenced !== undefined) {
      call.fail({ ...this.#fenced, outcome: 'not_stored' });
      return;
    }
    // What depends on the stream's next sequence number must not travel with anything else.
    const group = call.expectedSequenceNumber === undefined ? groupOf(call.query) : Symbol('conditional');
    this.#queue.add({ call, from: 0, to: call.messages.length, group, bytes: call.bytes });
    this.#armTicker();
    this.#linger.begin();
    this.#schedulePump();
  }

  /** What is known of a call its caller gives up. */
  outcomeOf(call: PublishCall): 'unknown' | 'not_stored' {
    return this.#window.calls().has(call) ? 'unknown' : 'not_stored';
  }

  /** What waits for company need not wait any longer. */
  flush(): void {
    this.#flushing = true;
    this.#schedulePump();
  }

  #schedulePump(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    afterMicrotasks(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    const depth = this.#probing ? 1 : this.#options.settings.maxInFlight;
    while (!this.#recovering && this.#inFlight < depth) {
      // Another node should get the rest: let this one finish first, or the rest would overtake.
      if (this.#inFlight > 0 && this.#options.context.nodes.writeTarget() !== this.#target) break;
      const batch = this.#window.firstWaiting() ?? this.#seal();
      if (batch === undefined) break;
      this.#send(batch);
    }
    if (this.idle) this.#rest();
  }

  #seal(): Batch | undefined {
    if (!this.#readyToSeal()) return undefined;
    const identity = this.#numbers.next(this.#window.length);
    if (identity === undefined) {
      this.#fenced = EPOCHS_USED_UP;
      this.#failFenced();
      return undefined;
    }
    const batch = sealBatch(this.#queue, this.#batchSettings(), identity, this.#rooms.pop());
    if (batch === undefined) {
      if (this.#queue.first() !== undefined) this.#schedulePump();
      return undefined;
    }
    this.#numbers.advance();
    this.#window.push(batch);
    this.#linger.reset();
    if (this.#queue.first() === undefined) this.#flushing = false;
    else this.#linger.begin();
    return batch;
  }

  #readyToSeal(): boolean {
    const { maxInFlight } = this.#options.settings;
    const queue = this.#queue;
    if (queue.first() === undefined) return false;
    // A leader answers repeats of a producer's last few batches only: the oldest open one must stay among them.
    const { head } = this.#window;
    if (head !== undefined && this.#numbers.sequence - head.sequence >= maxInFlight) return false;
    if (queue.fills(roomOf(this.#batchSettings())) || queue.nextIsGrouped) return true;
    if (this.#linger.enabled) return this.#linger.over || this.#flushing;
    return head === undefined;
  }

  #batchSettings(): BatchSettings {
    return { ...this.#options.settings, maxBatchMessages: this.#mostMessages };
  }

  #send(batch: Batch): void {
    const { context, stream, lane } = this.#options;
    if (this.#inFlight === 0) {
      this.#target = context.nodes.writeTarget();
      this.#targetEpoch = context.nodes.leader?.epoch ?? -1;
    }
    batch.underWay = true;
    batch.sentFirst = this.#inFlight === 0;
    batch.sentAt = context.runtime.monotonic();
    this.#inFlight += 1;
    const attempt = exchange(context, {
      url: this.#target,
      method: 'POST',
      path: `/${stream}${batch.query}`,
      headers: headersOf(batch),
      body: batch.bytes,
      lane,
      stallTimeoutMs: context.attemptTimeoutMs,
      maxResponseBytes: MAX_ANSWER_BYTES,
      signal: this.#flight.signal,
    });
    void attempt.then((exchanged) => this.#ended(batch, judge(exchanged, batch.count)));
  }

  #ended(batch: Batch, outcome: Outcome): void {
    this.#inFlight -= 1;
    batch.underWay = false;
    this.#numbers.heard();
    if (outcome.kind === 'stored') this.#stored(batch, outcome);
    else if (outcome.kind === 'again') this.#again(batch, outcome);
    else this.#refused(batch, outcome);
    if (!this.#recovering) this.#schedulePump();
    else if (this.#inFlight === 0) this.#recover();
  }

  #stored(batch: Batch, { answer }: Extract<Outcome, { kind: 'stored' }>): void {
    this.#window.remove(batch);
    this.#probing = false;
    this.#fruitless = 0;
    this.#backoff.reset();
    if (answer.messageIds !== undefined)
      this.#mostMessages = Math.min(this.#mostMessages, QUEUE_BATCH_MESSAGES);
    // What was sent more than once may still be on its way somewhere.
    if (batch.last === undefined) this.#rooms.push(batch.bytes.buffer);
    batch.acknowledge(answer);
  }

  #again(batch: Batch, outcome: Again): void {
    batch.last = outcome;
    batch.mayBeStored ||= outcome.mayBeStored;
    this.#recovering = true;
    if (outcome.why === 'not_now') this.#options.context.nodes.passOver(this.#target);
  }

  #refused(batch: Batch, { detail, kind }: Extract<Outcome, { detail: Refusal }>): void {
    if (detail.code === 'producer_fenced') this.#fenced = detail;
    const certain = kind === 'refused' && !batch.mayBeStored;
    const most = mostMessages(detail);
    if (certain && most !== undefined && most < batch.count) {
      this.#mostMessages = Math.min(most, QUEUE_BATCH_MESSAGES);
    } else if (certain && batch.parts.length > 1 && isAboutMessages(detail)) {
      // One bad message must not take others' along: each half is tried by itself.
      batch.halve();
    } else {
      batch.refuse(detail);
      this.#window.remove(batch);
    }
    if (kind === 'mistaken') this.#mistaken = true;
    else if (certain) this.#broken = true;
    else return;
    this.#recovering = true;
  }

  /** Nothing is under way. Decides what becomes of the window and when to go on. */
  #recover(): void {
    this.#giveUpOverdue();
    const { head } = this.#window;
    if (head === undefined || this.#broken || this.#mistaken || hasLostPredecessor(head)) {
      this.#startOver();
      return;
    }
    const delayMs = this.#delayBefore(head.last);
    this.#fruitless += 1;
    const { context, stream } = this.#options;
    const reason = head.last?.reason ?? 'no answer';
    context.onRetry({ operation: `publish ${stream}`, url: this.#target, delayMs, reason });
    this.#backoffTimer = context.runtime.setTimer(delayMs, () => {
      this.#backoffTimer = undefined;
      this.#recovering = false;
      this.#probing = true;
      this.#pump();
    });
  }

  /** Takes the window back into the queue, to be framed anew in a new epoch, which shuts out late repeats of the old. */
  #startOver(): void {
    const again: Part[] = [];
    for (const batch of this.#window.takeAll()) {
      // It may be stored under its old identity: sent under a new one, it could be stored twice.
      if (batch.mayBeStored && !this.#broken) batch.giveUp();
      else again.push(...batch.parts);
    }
    this.#queue.putBack(again);
    this.#numbers.endEpoch();
    this.#broken = false;
    this.#mistaken = false;
    this.#recovering = false;
    this.#probing = false;
    this.#failFenced();
    this.#schedulePump();
  }

  #failFenced(): void {
    if (this.#fenced === undefined) return;
    for (const call of this.#queue.takeAll()) call.fail({ ...this.#fenced, outcome: 'not_stored' });
  }

  #delayBefore(last: Again | undefined): number {
    // Known better by now, or the node only wants the batches in order: no reason to wait, the first time.
    const newLeader = (this.#options.context.nodes.leader?.epoch ?? -1) > this.#targetEpoch;
    if (newLeader || (last?.why === 'gap' && this.#fruitless === 0)) return 0;
    const delayMs = this.#backoff.nextDelayMs();
    if (last?.why !== 'busy') return delayMs;
    return Math.max(delayMs, Math.min(last.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS));
  }

  #giveUpOverdue(): void {
    const now = this.#options.context.runtime.monotonic();
    for (let { head } = this.#window; head !== undefined && head.deadline <= now; head = this.#window.head) {
      head.giveUp();
      this.#window.remove(head);
      // Certainly not stored, so nothing behind it is either.
      if (!head.mayBeStored) this.#broken = true;
    }
    for (const call of this.#queue.takeOverdue(now, this.#window.calls())) {
      const message = 'not stored: its turn did not come in time';
      call.fail({ code: 'not_delivered', message, outcome: 'not_stored' });
    }
  }

  #armTicker(delayMs = this.#options.settings.stallAfterMs): void {
    this.#ticker ??= this.#options.context.runtime.setTimer(delayMs, () => this.#tick());
  }

  /** Looks after what takes long: overdue deliveries, and answers that may never come. */
  #tick(): void {
    this.#ticker = undefined;
    const now = this.#options.context.runtime.monotonic();
    const stalled = now - (this.#window.oldestSentAt() ?? now) >= this.#options.settings.stallAfterMs;
    if ((this.#window.head?.deadline ?? Number.POSITIVE_INFINITY) <= now) this.#cutShort();
    else this.#giveUpOverdue();
    if (stalled) this.#lookElsewhere();
    if (this.idle) this.#rest();
    else this.#armTicker(stalled ? STALLED_TICK_MS : undefined);
  }

  /** A frozen leader gives no answer and no error: the others know sooner whether there is a new one. */
  #lookElsewhere(): void {
    const { scout, context } = this.#options;
    if (this.#recovering) {
      this.#cutShort();
      return;
    }
    void scout.look(this.#target).then(() => {
      const { leader } = context.nodes;
      if (leader === undefined || leader.epoch <= this.#targetEpoch) return;
      if (leader.url !== this.#target) this.#cutShort();
    });
  }

  /** Ends what is under way, or the back-off, so that `#recover` decides now. */
  #cutShort(): void {
    if (this.#inFlight > 0) {
      this.#flight.abort(new Error('given up by the publisher'));
      this.#flight = new AbortController();
    } else if (this.#backoffTimer !== undefined) {
      this.#backoffTimer.cancel();
      this.#backoffTimer = undefined;
      this.#recover();
    }
  }

  #rest(): void {
    this.#ticker?.cancel();
    this.#ticker = undefined;
    this.#linger.reset();
    this.#flushing = false;
    this.#rooms = [];
  }
}

/**
 * The node waits for a batch that is not coming any more: one given up, or all of them, when it forgot this producer.
 * Batches sent behind others are told of a gap when one of those is late, which says nothing of what came of it.
 */
function hasLostPredecessor(head: Batch): boolean {
  if (!head.sentFirst || head.last?.why !== 'gap') return false;
  const { expectedProducerSequence: expected } = head.last;
  return expected !== undefined && expected < head.sequence;
}
