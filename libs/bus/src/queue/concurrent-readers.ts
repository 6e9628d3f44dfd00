import { createHash } from 'node:crypto';
import type { QueueDocument } from '@message-vault/metadata';
import type { QueueContext } from './context.ts';
import { QueueError } from './errors.ts';
import type { Lock } from './lock-id.ts';
import { ReaderList } from './reader-list.ts';

/** A place among the readers of a queue, for as long as a message is waited for. */
export interface ReaderPlace {
  /** Nothing came, or nothing stays under lock. */
  leave(): void;
  /** The place belongs to the lock from now on. Errors: QueueError `not_leader`, StorageError; the place is free then. */
  lock(lock: Lock): Promise<void>;
}

interface Waiting {
  go(): void;
}

interface Queue {
  readonly list: Promise<ReaderList>;
  /** Places taken by those who wait for a message. */
  pending: number;
  readonly waiting: Waiting[];
}

/** Queues with such a limit that a leader looks after. */
const MAX_QUEUES = 10_000;

/**
 * Keeps to `maxConcurrentReaders`, exactly: all heads of such queues are served by the leader, and every lock is written
 * down before it is given out, so that the next leader knows of those that are out. One per term of leadership.
 */
export class ConcurrentReaders {
  readonly #context: QueueContext;
  readonly #epoch: number;
  readonly #queues = new Map<string, Queue>();

  constructor(context: QueueContext, epoch: number) {
    this.#context = context;
    this.#epoch = epoch;
  }

  /** Undefined when no place became free in time. Errors: QueueError `not_leader`, `busy`; StorageError. */
  async enter(
    document: QueueDocument,
    max: number,
    wait: { timeoutMs: number; signal: AbortSignal | undefined },
  ): Promise<ReaderPlace | undefined> {
    const { runtime } = this.#context;
    const deadline = runtime.monotonic() + wait.timeoutMs;
    const queue = this.#queue(document);
    const list = await queue.list;
    while (list.inForce(runtime.now()) + queue.pending >= max) {
      const leftMs = deadline - runtime.monotonic();
      if (leftMs <= 0 || wait.signal?.aborted) return undefined;
      const freeInMs = Math.max(1, list.nextEnd(runtime.now()) - runtime.now());
      await this.#waitForPlace(queue, Math.min(leftMs, freeInMs), wait.signal);
    }
    queue.pending += 1;
    return this.#place(queue, list);
  }

  /** The lock holds longer. Errors as `ReaderPlace.lock`. */
  async renewed(document: QueueDocument, lock: Lock, until: number): Promise<void> {
    const list = await this.#queue(document).list;
    await list.put(keyOf(lock), until);
  }

  /** The lock is over. */
  async settled(document: QueueDocument, lock: Lock): Promise<void> {
    const queue = this.#queue(document);
    const list = await queue.list;
    list.remove(keyOf(lock));
    queue.waiting.shift()?.go();
  }

  #place(queue: Queue, list: ReaderList): ReaderPlace {
    let pending = true;
    const leave = (): void => {
      if (!pending) return;
      pending = false;
      queue.pending -= 1;
      queue.waiting.shift()?.go();
    };
    return {
      leave,
      lock: async (lock) => {
        try {
          await list.put(keyOf(lock), lock.until);
        } finally {
          leave();
        }
      },
    };
  }

  #waitForPlace(queue: Queue, maxMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', done);
        const at = queue.waiting.indexOf(waiting);
        if (at >= 0) queue.waiting.splice(at, 1);
        resolve();
      };
      const waiting: Waiting = { go: done };
      const timer = this.#context.runtime.setTimer(maxMs, done);
      queue.waiting.push(waiting);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  #queue({ queueId }: QueueDocument): Queue {
    const known = this.#queues.get(queueId);
    if (known !== undefined) return known;
    if (this.#queues.size >= MAX_QUEUES)
      throw new QueueError('busy', `the leader counts the readers of ${MAX_QUEUES} queues already`, {
        retryAfterMs: 1000,
      });
    const list = ReaderList.claim(this.#context, queueId, this.#epoch);
    const queue: Queue = { list, pending: 0, waiting: [] };
    this.#queues.set(queueId, queue);
    list.catch(() => this.#queues.delete(queueId));
    return queue;
  }
}

function keyOf({ messageId, popReceipt }: Lock): string {
  return createHash('sha256').update(`${messageId} ${popReceipt}`).digest('hex').slice(0, 32);
}
