import { encodeBatch, type Message } from '@message-vault/framing';
import type { QueueDocument } from '@message-vault/metadata';
import { isStorageError } from '@message-vault/storage';
import { Bodies } from './bodies.ts';
import { ClusterSecret } from './cluster-secret.ts';
import { ConcurrentReaders, type ReaderPlace } from './concurrent-readers.ts';
import type { QueueContext } from './context.ts';
import { Depths } from './depth.ts';
import { Disposal } from './disposal.ts';
import type { DeadLetterNote } from './envelope.ts';
import { consumerError, isQueueError, QueueError } from './errors.ts';
import { GivenUpMessages } from './given-up.ts';
import { Locks } from './locks.ts';
import { type Enqueued, type EnqueueOptions, Outbox } from './outbox.ts';
import { type PeekedQueueMessage, peek } from './peek.ts';
import type { Taken, WaitOptions } from './poller.ts';
import { Pollers } from './pollers.ts';
import { backInto, redrive, type TakeBack } from './redrive.ts';
import { Renewals } from './renewals.ts';
import { Screening } from './screening.ts';
import { type QueueStats, queueStats } from './stats.ts';
import { TidyUp } from './tidy-up.ts';

/** A message that was taken from a queue. */
export interface QueueDelivery {
  /** Stays the same wherever the message goes: to notice one that comes twice. */
  readonly id: string;
  readonly message: Message;
  /** Which delivery this is, from 1. */
  readonly delivery: number;
  /** Milliseconds since 1970. */
  readonly enqueuedAt: number;
  readonly expiresAt: number | undefined;
  readonly deadLetter: DeadLetterNote | undefined;
  readonly redrives: number;
  /** What it is held by, until when (milliseconds since 1970); undefined for one that was removed as it was taken. */
  readonly lock: { readonly id: string; readonly until: number } | undefined;
  /** To be called when its bytes are not needed any more; the lock is not touched. */
  release(): void;
  /** It did not reach anybody: others have it again at once, and it does not count as a delivery. Nothing fails. */
  undo(): Promise<void>;
}

/** What a dead letter brings along. */
export interface DeadLetterOptions extends DeadLetterNote {
  /** The message's own id, a UUID. */
  readonly id: string;
}

/** All the queues of a cluster, as one node works with them. Every node can do everything, but for what says otherwise. */
export class Queues {
  readonly #context: QueueContext;
  readonly #bodies: Bodies;
  readonly #outbox: Outbox;
  readonly #disposal: Disposal;
  readonly #screening: Screening;
  readonly #pollers: Pollers;
  readonly #locks: Locks;
  readonly #tidyUp: TidyUp;
  #readers: ConcurrentReaders | undefined;

  constructor(context: QueueContext) {
    this.#context = context;
    const depths = new Depths(context);
    const bodies = new Bodies(context);
    const outbox = new Outbox(context, { bodies, depths });
    const disposal = new Disposal(context, { outbox, bodies, depths });
    const givenUp = new GivenUpMessages(context);
    const screening = new Screening(context, { bodies, disposal, givenUp });
    const renewals = new Renewals(context);
    const secret = new ClusterSecret(context.documents, context.runtime);
    this.#bodies = bodies;
    this.#outbox = outbox;
    this.#disposal = disposal;
    this.#screening = screening;
    this.#pollers = new Pollers(context, { screening, disposal });
    this.#locks = new Locks(context, { secret, renewals, givenUp, disposal, screening, bodies, depths });
    this.#tidyUp = new TidyUp(context);
  }

  /** Requests that wait for a message at this node now. */
  get waiters(): number {
    return this.#pollers.waiters;
  }

  /** This node leads from now on: it serves the queues whose readers are counted. */
  lead(epoch: number): void {
    this.follow();
    this.#readers = new ConcurrentReaders(this.#context, epoch);
  }

  /** It does not lead any more. Who waits at such a queue gets nothing: the next leader is there to be asked. */
  follow(): void {
    this.#readers?.end();
    this.#readers = undefined;
  }

  /** The queue has been removed: who waits for a place among its readers is told at once. */
  gone(queueId: string): void {
    this.#readers?.gone(queueId);
  }

  /**
   * Each message becomes one of its own in the queue, in about their order. Errors: QueueError (`too_large`, `bad_times`,
   * `queue_full`, `gone`, `storage_unavailable`, `outcome_unknown`), StorageError; FramingError for a message no batch can hold.
   */
  enqueue(
    document: QueueDocument,
    messages: readonly Message[],
    options: EnqueueOptions = {},
  ): Promise<Enqueued> {
    return this.#outbox.enqueue(document, messages, options);
  }

  /** Puts a message into a queue of dead letters (see `deadLetterOf`), whatever its limits. Errors: StorageError. */
  deadLetter(
    deadLetters: QueueDocument,
    message: Message,
    { id, reason, source }: DeadLetterOptions,
  ): Promise<void> {
    return this.#outbox.sendOne(deadLetters, {
      id,
      batch: encodeBatch({ messages: [message] }),
      enqueuedAt: this.#context.runtime.now(),
      redrives: 0,
      deadLetter: { reason, source },
      expiresAt: undefined,
      delayMs: 0,
    });
  }

  /**
   * Waits for a message and takes it under lock. Undefined when none came in time, nobody waits any more, the node stops
   * or, for queues whose readers are counted, leads no longer. Errors: QueueError (`gone`, `busy`, `storage_unavailable`,
   * `outcome_unknown`, and `not_leader` for queues whose readers are counted).
   */
  receive(document: QueueDocument, wait: WaitOptions): Promise<QueueDelivery | undefined> {
    return told(this.#receive(document, wait), RECEIVE_UNKNOWN);
  }

  async #receive(document: QueueDocument, asked: WaitOptions): Promise<QueueDelivery | undefined> {
    const wait = this.#whileServed(document, asked);
    const place = await this.#enter(document, wait);
    if (place === 'full') return undefined;
    try {
      const taken = await this.#take(document, wait);
      return taken && (await this.#lock(document, taken, place));
    } finally {
      place?.leave();
    }
  }

  /**
   * Waits for a message and removes it: one whose answer gets lost on its way to the consumer is lost. Undefined and
   * errors as for `receive`.
   */
  receiveAndDelete(document: QueueDocument, wait: WaitOptions): Promise<QueueDelivery | undefined> {
    return told(this.#receiveAndDelete(document, wait), RECEIVE_UNKNOWN);
  }

  async #receiveAndDelete(document: QueueDocument, asked: WaitOptions): Promise<QueueDelivery | undefined> {
    const { runtime } = this.#context;
    const wait = this.#whileServed(document, asked);
    const deadline = runtime.monotonic() + wait.timeoutMs;
    const place = await this.#enter(document, wait);
    if (place === 'full') return undefined;
    try {
      for (;;) {
        const timeoutMs = Math.max(0, deadline - runtime.monotonic());
        const taken = await this.#take(document, { ...wait, timeoutMs });
        if (taken === undefined) return undefined;
        if (await this.#remove(document, taken))
          return deliveryOf(taken, undefined, async () => taken.release());
      }
    } finally {
      place?.leave();
    }
  }

  /** The message is done with. Errors of this and the next four: QueueError `lock_lost`, `storage_unavailable`, `outcome_unknown`. */
  async acknowledge(document: QueueDocument, lockId: string): Promise<void> {
    await told(this.#locks.acknowledge(document, lockId), SETTLE_UNKNOWN);
    this.#context.counted?.('acknowledged', 1);
    await this.#settled(document, lockId);
  }

  /** Others may have it, now or in a while. The last delivery the policy allows makes it a dead letter instead. */
  async giveBack(document: QueueDocument, lockId: string, delayMs = 0): Promise<void> {
    const { maxDelayMs } = this.#context.limits;
    if (delayMs > maxDelayMs)
      throw new QueueError('bad_times', `a delay is at most ${maxDelayMs} ms, not ${delayMs}`);
    await told(this.#locks.giveBack(document, lockId, delayMs), SETTLE_UNKNOWN);
    await this.#settled(document, lockId);
  }

  /** Answers until when the same lock id holds now, milliseconds since 1970. */
  renew(document: QueueDocument, lockId: string): Promise<number> {
    return told(this.#renew(document, lockId), SETTLE_UNKNOWN);
  }

  /** Also QueueError `no_dead_letter`, for a message that is among the dead letters. */
  async deadLetterLocked(document: QueueDocument, lockId: string, reason: string): Promise<void> {
    await told(this.#locks.deadLetter(document, lockId, reason), SETTLE_UNKNOWN);
    await this.#settled(document, lockId);
  }

  /** Messages nobody has under lock, about the oldest first, without taking them. Errors: QueueError `gone`, `storage_unavailable`. */
  peek(document: QueueDocument, max: number): Promise<PeekedQueueMessage[]> {
    return told(peek(this.#context, this.#bodies, document, max), '');
  }

  /** Errors: QueueError `gone`, `storage_unavailable`. */
  stats(document: QueueDocument): Promise<QueueStats> {
    return told(queueStats(this.#context, document), '');
  }

  /** Brings dead letters back to `to`: the queue they came from, or whatever takes them. See `redrive`. */
  redrive(
    deadLetters: QueueDocument,
    to: QueueDocument | TakeBack,
    how: { limit: number; signal?: AbortSignal | undefined },
  ): Promise<number> {
    const parts = { outbox: this.#outbox, screening: this.#screening, disposal: this.#disposal };
    const takeBack = typeof to === 'function' ? to : backInto(to, parts, () => this.#context.runtime.now());
    return redrive(this.#context, parts, { deadLetters, takeBack, limit: how.limit, signal: how.signal });
  }

  /** Removes bodies of this queue, or of dead letters, that no message refers to. Answers how many. Errors: StorageError. */
  tidyBodies(document: QueueDocument, signal?: AbortSignal): Promise<number> {
    return this.#tidyUp.bodies(document, signal);
  }

  /** Removes what locks that are over have left, of all queues. Errors: StorageError. */
  tidyLocks(signal?: AbortSignal): Promise<void> {
    return this.#tidyUp.documents(signal);
  }

  /** Ends all waits. Resolves when nothing is held for anybody who waited. */
  async close(): Promise<void> {
    await this.#pollers.close();
  }

  async #take(document: QueueDocument, wait: WaitOptions): Promise<Taken | undefined> {
    const outcome = await this.#pollers.wait(document, wait);
    if (outcome === 'nothing') return undefined;
    if ('failed' in outcome) throw outcome.failed;
    return outcome.got;
  }

  async #lock(document: QueueDocument, taken: Taken, place: ReaderPlace | undefined): Promise<QueueDelivery> {
    try {
      const lock = await this.#locks.give(document, taken);
      await place?.lock(await this.#locks.read(document, lock.id));
      this.#context.counted?.('delivered', 1);
      return deliveryOf(taken, lock, async () => {
        taken.release();
        await this.#disposal.giveBack(document, taken, 'at-once');
        await this.#settled(document, lock.id);
      });
    } catch (error) {
      taken.release();
      await this.#disposal.giveBack(document, taken, 'at-once');
      throw error;
    }
  }

  /** False when somebody else has it after all. After an unknown outcome it is given out: better twice than never. */
  async #remove(document: QueueDocument, taken: Taken): Promise<boolean> {
    try {
      await this.#disposal.remove(document, taken);
      this.#context.counted?.('delivered', 1);
      return true;
    } catch (error) {
      if (isStorageError(error, 'outcome_unknown')) return true;
      taken.release();
      if (isStorageError(error, 'receipt_lost')) return false;
      await this.#disposal.giveBack(document, taken, 'at-once');
      throw error;
    }
  }

  #whileServed(document: QueueDocument, wait: WaitOptions): WaitOptions {
    if (document.policy.maxConcurrentReaders === undefined) return wait;
    return { ...wait, signal: this.#mustLead().whileLeading(wait.signal) };
  }

  /** Undefined for a queue whose readers nobody counts. */
  async #enter(document: QueueDocument, wait: WaitOptions): Promise<ReaderPlace | 'full' | undefined> {
    const max = document.policy.maxConcurrentReaders;
    if (max === undefined) return undefined;
    return (await this.#mustLead().enter(document, max, wait)) ?? 'full';
  }

  async #renew(document: QueueDocument, lockId: string): Promise<number> {
    const renew = (): Promise<number> => this.#locks.renew(document, lockId);
    if (document.policy.maxConcurrentReaders === undefined) return await renew();
    const readers = this.#mustLead();
    return await readers.renewing(document, await this.#locks.read(document, lockId), renew);
  }

  /** What the consumer asked for is done by now: that the leader does not hear of it must not look as if it were not. */
  async #settled(document: QueueDocument, lockId: string): Promise<void> {
    if (document.policy.maxConcurrentReaders === undefined) return;
    try {
      await this.#readers?.settled(document, await this.#locks.read(document, lockId));
    } catch (error) {
      if (!isStorageError(error) && !isQueueError(error)) throw error;
      this.#context.logger.info(
        { error, queue: document.name },
        'a lock that has ended keeps its place among the readers until its time is over',
      );
    }
  }

  #mustLead(): ConcurrentReaders {
    if (this.#readers !== undefined) return this.#readers;
    throw new QueueError('not_leader', 'the readers of this queue are counted, which only the leader does');
  }
}

const RECEIVE_UNKNOWN =
  'the storage was asked and did not answer: a message it may have given out comes back when its lock is over';
const SETTLE_UNKNOWN =
  'the storage was told and did not answer: ask again; if the lock is lost then, and its time is not over, it was done';

/** What consumers are told of failures of the storage. */
async function told<T>(work: Promise<T>, unknown: string): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw consumerError(error, unknown);
  }
}

function deliveryOf(taken: Taken, lock: QueueDelivery['lock'], undo: () => Promise<void>): QueueDelivery {
  const { id, enqueuedAt, expiresAt, deadLetter, redrives } = taken.envelope;
  const { message, delivery, release } = taken;
  return { id, message, delivery, enqueuedAt, expiresAt, deadLetter, redrives, lock, release, undo };
}
