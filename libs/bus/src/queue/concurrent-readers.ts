import { createHash } from 'node:crypto';
import type { QueueDocument } from '@message-vault/metadata';
import type { Timer } from '@message-vault/runtime';
import type { QueueContext } from './context.ts';
import { isQueueError, QueueError } from './errors.ts';
import type { Lock } from './lock-id.ts';
import { RENEWAL_MS, ReaderList } from './reader-list.ts';

/** A place among the readers of a queue, for as long as a message is waited for. */
export interface ReaderPlace {
  /** Nothing came, or nothing stays under lock. */
  leave(): void;
  /** The place belongs to the lock from now on. Errors: QueueError `not_leader`, StorageError; the place is free then. */
  lock(lock: Lock): Promise<void>;
}

/** Somebody without a place. */
interface Waiting {
  /** There is a place, and it is theirs. */
  enter(): void;
  refuse(why: QueueError): void;
}

interface Queue {
  readonly list: Promise<ReaderList>;
  /** The limit as of the newest policy seen. */
  max: number;
  /** Places taken by those who wait for a message. */
  pending: number;
  /** Those without a place, in order of arrival. */
  readonly waiting: Waiting[];
  /** Fires when the next lock runs out, while somebody waits for a place. */
  timer: Timer | undefined;
  /** The queue is no more. */
  gone: boolean;
}

/** Queues with such a limit that a leader looks after at once; one that nobody waits at makes room for another. */
const MAX_QUEUES = 10_000;

/**
 * Keeps to `maxConcurrentReaders`, exactly: all heads of such queues are served by the leader, and every lock is written
 * down before it is given out, so that the next leader knows of those that are out. One per term of leadership.
 */
export class ConcurrentReaders {
  readonly #context: QueueContext;
  readonly #epoch: number;
  /** The one that was asked for longest ago is the first. */
  readonly #queues = new Map<string, Queue>();
  readonly #maxQueues: number;
  readonly #term = new AbortController();

  constructor(context: QueueContext, epoch: number, maxQueues = MAX_QUEUES) {
    this.#context = context;
    this.#epoch = epoch;
    this.#maxQueues = maxQueues;
  }

  /** This node does not lead any more. */
  end(): void {
    this.#term.abort();
  }

  /** Fires with `signal`, and when this node leads no longer: whoever still waits then has to ask the next leader. */
  whileLeading(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#term.signal : AbortSignal.any([signal, this.#term.signal]);
  }

  /** Undefined when no place became free in time. Errors: QueueError `not_leader`, `busy`, `gone`; StorageError. */
  async enter(
    document: QueueDocument,
    max: number,
    wait: { timeoutMs: number; signal: AbortSignal | undefined },
  ): Promise<ReaderPlace | undefined> {
    const queue = this.#queue(document);
    queue.max = max;
    const list = await queue.list;
    const entered = await this.#waitForPlace(queue, list, wait);
    return entered ? this.#place(queue, list) : undefined;
  }

  /**
   * Written down before storage is asked: a leader that has been replaced can't make locks longer that the next one thinks
   * over. `renew` answers until when the lock holds. Errors as `ReaderPlace.lock`, and those of `renew`.
   */
  async renewing(document: QueueDocument, lock: Lock, renew: () => Promise<number>): Promise<number> {
    const queue = this.#queue(document);
    const list = await queue.list;
    const key = keyOf(lock);
    const { lockDurationMs } = document.policy;
    await list.put(key, lockDurationMs + RENEWAL_MS);
    try {
      const until = await renew();
      list.correct(key, until - this.#context.runtime.now());
      return until;
    } catch (error) {
      if (isQueueError(error, 'lock_lost')) this.#end(queue, list, key);
      throw error;
    }
  }

  /** The lock is over. Errors as `ReaderPlace.lock`, of who leads without having looked after this queue yet. */
  async settled(document: QueueDocument, lock: Lock): Promise<void> {
    const queue = this.#queue(document);
    this.#end(queue, await queue.list, keyOf(lock));
  }

  /** The queue has been removed: whoever waits for a place is told, or would hear of it only when a lock runs out. */
  gone(queueId: string): void {
    const queue = this.#queues.get(queueId);
    if (queue === undefined) return;
    queue.gone = true;
    for (const waiting of queue.waiting.splice(0)) waiting.refuse(isGone());
  }

  #end(queue: Queue, list: ReaderList, key: string): void {
    list.remove(key);
    this.#admit(queue, list);
  }

  #place(queue: Queue, list: ReaderList): ReaderPlace {
    let pending = true;
    const leave = (): void => {
      if (!pending) return;
      pending = false;
      queue.pending -= 1;
      this.#admit(queue, list);
    };
    return {
      leave,
      lock: async (lock) => {
        try {
          await list.put(keyOf(lock), lock.lastsMs ?? lock.until - this.#context.runtime.now());
        } finally {
          leave();
        }
      },
    };
  }

  /** True when a place was taken. */
  async #waitForPlace(
    queue: Queue,
    list: ReaderList,
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal | undefined },
  ): Promise<boolean> {
    // It may have gone while the list was read.
    if (queue.gone) throw isGone();
    if (signal?.aborted) return false;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const waiting: Waiting = { enter: () => resolve(true), refuse: reject };
    const leave = (): void => {
      const at = queue.waiting.indexOf(waiting);
      if (at >= 0) queue.waiting.splice(at, 1);
      resolve(false);
    };
    const timer = this.#context.runtime.setTimer(timeoutMs, leave);
    signal?.addEventListener('abort', leave, { once: true });
    queue.waiting.push(waiting);
    this.#admit(queue, list);
    try {
      return await promise;
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', leave);
    }
  }

  /** Gives out what places there are, first come, first served. */
  #admit(queue: Queue, list: ReaderList): void {
    const { runtime } = this.#context;
    while (queue.waiting.length > 0 && list.inForce() + queue.pending < queue.max) {
      queue.pending += 1;
      queue.waiting.shift()?.enter();
    }
    queue.timer?.cancel();
    queue.timer = undefined;
    if (queue.waiting.length === 0) return;
    const freeInMs = Math.max(1, list.nextEndMs());
    queue.timer = runtime.setTimer(freeInMs, () => this.#admit(queue, list));
  }

  #queue({ queueId }: QueueDocument): Queue {
    const known = this.#queues.get(queueId);
    this.#queues.delete(queueId);
    if (known !== undefined) {
      this.#queues.set(queueId, known);
      return known;
    }
    this.#makeRoom();
    const list = ReaderList.claim(this.#context, queueId, this.#epoch);
    const queue: Queue = { list, max: 1, pending: 0, waiting: [], timer: undefined, gone: false };
    this.#queues.set(queueId, queue);
    list.catch(() => this.#queues.delete(queueId));
    return queue;
  }

  /** What is forgotten is written down: who comes for it again reads it. */
  #makeRoom(): void {
    if (this.#queues.size < this.#maxQueues) return;
    for (const [queueId, { pending, waiting }] of this.#queues) {
      if (pending > 0 || waiting.length > 0) continue;
      this.#queues.delete(queueId);
      return;
    }
    throw new QueueError('busy', `consumers wait at ${this.#maxQueues} queues whose readers are counted`, {
      retryAfterMs: 1000,
    });
  }
}

function isGone(): QueueError {
  return new QueueError('gone', 'the queue has been removed');
}

function keyOf({ messageId, popReceipt }: Lock): string {
  return createHash('sha256').update(`${messageId} ${popReceipt}`).digest('hex').slice(0, 32);
}
