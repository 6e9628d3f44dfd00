import type { QueueDocument } from '@message-vault/metadata';
import { isStorageError, type ReceivedMessage } from '@message-vault/storage';
import type { QueueContext } from './context.ts';
import type { Disposal } from './disposal.ts';
import { decodeEnvelope } from './envelope.ts';
import { EnvelopeError, QueueError } from './errors.ts';
import { Pace } from './pace.ts';
import type { Screened, Screening } from './screening.ts';
import { type Outcome, Waiter } from './waiter.ts';

/** When a call was sent, by both clocks. */
interface Sent {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly monotonic: number;
}

/** A message taken for a consumer, under lock until then (milliseconds since 1970). */
export interface Taken extends Screened {
  readonly until: number;
}

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** What one look into the queue brought. */
type Look = 'as-many-as-asked' | 'some' | 'none' | 'failed';

const MAX_AT_ONCE = 32;
/** Looks besides the first, while messages flow. */
const MAX_HELPERS = 3;

/**
 * Looks into one queue on behalf of everybody who waits for it at this node: few storage calls, for as many messages as
 * there are waiters. Nothing is fetched that nobody waits for.
 */
export class Poller {
  readonly #context: QueueContext;
  readonly #screening: Screening;
  readonly #disposal: Disposal;
  readonly #pace: Pace;
  /** In order of arrival. Those a message is being made ready for are not among them. */
  #waiting: Waiter<Taken>[] = [];
  readonly #serving = new Set<Promise<void>>();
  #document: QueueDocument;
  #running: Promise<void> | undefined;
  /** Messages asked for by the looks under way. */
  #asked = 0;
  /** The last look brought as many as were asked for: there may be more. */
  #flows = false;
  readonly #helpers = new Set<Promise<void>>();
  #failure: unknown;
  #closed = false;

  constructor(
    context: QueueContext,
    parts: { screening: Screening; disposal: Disposal; document: QueueDocument },
  ) {
    this.#context = context;
    this.#screening = parts.screening;
    this.#disposal = parts.disposal;
    this.#document = parts.document;
    this.#pace = new Pace(context.runtime, {
      fromMs: context.limits.pollFromMs,
      upToMs: context.limits.pollUpToMs,
    });
  }

  get idle(): boolean {
    return this.#running === undefined && this.#helpers.size === 0 && this.#serving.size === 0;
  }

  /** Waits for a message. `document` is what is known of the queue by now. */
  wait(document: QueueDocument, { timeoutMs, signal }: WaitOptions): Promise<Outcome<Taken>> {
    if (this.#closed || signal?.aborted) return Promise.resolve('nothing');
    this.#document = document;
    const waiter: Waiter<Taken> = new Waiter({
      runtime: this.#context.runtime,
      timeoutMs,
      signal,
      late: () => this.#late(waiter),
      left: () => this.#leave(waiter, 'nothing'),
    });
    this.#waiting.push(waiter);
    this.#pace.hurry(waiter.deadline);
    this.#start();
    return waiter.outcome;
  }

  /** Something may have come. */
  hint(): void {
    this.#pace.hint();
  }

  /** Ends all waits with nothing, and resolves when what was fetched meanwhile has been given back. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.settle('nothing');
    this.#pace.stop();
    await this.#running;
    await Promise.all([...this.#helpers, ...this.#serving]);
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#waiting.length > 0) this.#start();
    });
    this.#helpOut();
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const look = this.#unasked > 0 ? await this.#look() : await this.#otherLook();
        this.#settleLate();
        if (this.#unasked > MAX_AT_ONCE) this.#helpOut();
        if (look === 'as-many-as-asked' || this.#waiting.length === 0) continue;
        await this.#pace.pause(look);
      }
    } catch (error) {
      // A bug: those who wait are told, or they would wait for ever.
      for (const waiter of this.#waiting.splice(0)) waiter.settle({ failed: error });
    }
  }

  /** Waiters nothing was asked for yet. */
  get #unasked(): number {
    return this.#waiting.length - this.#asked;
  }

  /**
   * While there is more than is asked for, whoever comes need not wait for the end of the look under way: a few looks go
   * at once. An empty queue is looked into by one only.
   */
  #helpOut(): void {
    if (!this.#flows || this.#helpers.size >= MAX_HELPERS || this.#unasked <= 0) return;
    const helper: Promise<void> = this.#help().finally(() => this.#helpers.delete(helper));
    this.#helpers.add(helper);
  }

  async #help(): Promise<void> {
    try {
      while (this.#flows && this.#unasked > 0) await this.#look();
    } catch (error) {
      for (const waiter of this.#waiting.splice(0)) waiter.settle({ failed: error });
    }
  }

  /** All waiters are looked for by others: the next of them to end tells how to go on. */
  async #otherLook(): Promise<Look> {
    await Promise.race(this.#helpers);
    return this.#flows || this.#unasked > 0 ? 'as-many-as-asked' : 'some';
  }

  async #look(): Promise<Look> {
    const { queues, runtime } = this.#context;
    const document = this.#document;
    const asking = [...this.#waiting];
    const max = Math.min(MAX_AT_ONCE, this.#unasked);
    const sent = { at: runtime.now(), monotonic: runtime.monotonic() };
    const visibilityTimeoutMs = document.policy.lockDurationMs;
    this.#pace.lookBegins();
    this.#asked += max;
    try {
      const found = await queues.receive(document.queue, { max, visibilityTimeoutMs });
      this.#failure = undefined;
      this.#flows = found.length === max;
      for (const waiter of asking) waiter.looked = true;
      for (const received of found)
        this.#handOut(document, received, this.#lockedUntil(document, received, sent));
      if (this.#flows) return 'as-many-as-asked';
      return found.length > 0 ? 'some' : 'none';
    } catch (error) {
      this.#flows = false;
      if (!isStorageError(error)) throw error;
      this.#failed(document, error, asking);
      return 'failed';
    } finally {
      this.#asked -= max;
    }
  }

  #failed(document: QueueDocument, error: unknown, asking: readonly Waiter<Taken>[]): void {
    this.#failure = error;
    for (const waiter of asking) waiter.looked = true;
    if (!isStorageError(error, 'not_found')) return;
    const gone = new QueueError('gone', `${document.name} is gone from storage`, {}, error);
    for (const waiter of this.#waiting.splice(0)) waiter.settle({ failed: gone });
  }

  /**
   * The full lock time from now, as far as storage keeps the message from others and keeps it at all. Of the two clocks the
   * one counts that has gone further since the call was sent: one may be put back, the other stands still with the machine.
   */
  #lockedUntil({ policy }: QueueDocument, received: ReceivedMessage, sent: Sent): number {
    const { runtime } = this.#context;
    const now = runtime.now();
    const goneMs = Math.max(runtime.monotonic() - sent.monotonic, now - sent.at);
    const hiddenMs = Math.ceil(policy.lockDurationMs / 1000) * 1000 - goneMs;
    const until = now + Math.min(policy.lockDurationMs, hiddenMs);
    return Math.floor(Math.min(until, received.expiresAt ?? until));
  }

  #handOut(document: QueueDocument, received: ReceivedMessage, until: number): void {
    const waiter = this.#waiting.shift();
    const serving =
      waiter === undefined
        ? this.#giveBack(document, received)
        : this.#serve(waiter, document, { received, until });
    const tracked: Promise<void> = serving.finally(() => this.#serving.delete(tracked));
    this.#serving.add(tracked);
  }

  async #serve(
    waiter: Waiter<Taken>,
    document: QueueDocument,
    { received, until }: { received: ReceivedMessage; until: number },
  ): Promise<void> {
    try {
      const screened = await this.#screening.screen(document, received);
      if (screened === undefined) return this.#putBack(waiter);
      const inTime = until > this.#context.runtime.now();
      if (inTime && !waiter.gone && waiter.settle({ got: { ...screened, until } })) return;
      screened.release();
      await this.#disposal.giveBack(document, screened, 'at-once');
      this.#putBack(waiter);
    } catch (error) {
      // A bug, as above.
      waiter.settle({ failed: error });
    }
  }

  /** It has waited longest. */
  #putBack(waiter: Waiter<Taken>): void {
    waiter.lookAgain();
    if (this.#closed || waiter.gone) {
      waiter.settle('nothing');
      return;
    }
    this.#waiting.unshift(waiter);
    this.#settleLate();
    this.#pace.hint();
    if (this.#waiting.length > 0) this.#start();
  }

  async #giveBack(document: QueueDocument, { messageId, popReceipt, body }: ReceivedMessage): Promise<void> {
    try {
      const held = { receipt: { messageId, popReceipt }, envelope: decodeEnvelope(body) };
      await this.#disposal.giveBack(document, held, 'at-once');
    } catch (error) {
      // What is no envelope comes back by itself, to be looked at then.
      if (!(error instanceof EnvelopeError)) throw error;
    }
  }

  #late(waiter: Waiter<Taken>): void {
    if (waiter.looked) this.#leave(waiter, this.#whyNothing());
    else this.#pace.hurry(waiter.deadline);
  }

  /** Those a message is being made ready for wait until that is decided. */
  #leave(waiter: Waiter<Taken>, outcome: Outcome<Taken>): void {
    const at = this.#waiting.indexOf(waiter);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    waiter.settle(outcome);
    if (this.#waiting.length === 0) this.#pace.stop();
  }

  #settleLate(): void {
    const now = this.#context.runtime.monotonic();
    for (const waiter of [...this.#waiting]) {
      if (waiter.looked && waiter.deadline <= now) this.#leave(waiter, this.#whyNothing());
    }
  }

  /** That there is nothing can be said only after a look that told so. */
  #whyNothing(): Outcome<Taken> {
    return this.#failure === undefined ? 'nothing' : { failed: this.#failure };
  }
}
