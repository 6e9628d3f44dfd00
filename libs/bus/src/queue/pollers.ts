import type { QueueDocument } from '@message-vault/metadata';
import type { Timer } from '@message-vault/runtime';
import type { QueueContext } from './context.ts';
import type { Disposal } from './disposal.ts';
import { QueueError } from './errors.ts';
import { Poller, type Taken, type WaitOptions } from './poller.ts';
import type { Screening } from './screening.ts';
import type { Outcome } from './waiter.ts';

/** A queue nobody waits at for this long is forgotten. */
const IDLE_MS = 60_000;

interface Entry {
  readonly poller: Poller;
  readonly unsubscribe: () => void;
  waiters: number;
  forget: Timer | undefined;
}

/** One poller per queue that somebody waits at, and as many waiters as a node may have. */
export class Pollers {
  readonly #context: QueueContext;
  readonly #parts: { screening: Screening; disposal: Disposal };
  readonly #byQueue = new Map<string, Entry>();
  #waiters = 0;
  #closed = false;

  constructor(context: QueueContext, parts: { screening: Screening; disposal: Disposal }) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Everybody who waits at this node now. */
  get waiters(): number {
    return this.#waiters;
  }

  /** Errors: QueueError `busy`. */
  async wait(document: QueueDocument, options: WaitOptions): Promise<Outcome<Taken>> {
    if (this.#closed) return 'nothing';
    const { maxWaiters } = this.#context.limits;
    if (this.#waiters >= maxWaiters)
      throw new QueueError('busy', `${maxWaiters} requests wait for messages at this node already`, {
        retryAfterMs: 1000,
      });
    const entry = this.#entry(document);
    entry.forget?.cancel();
    entry.waiters += 1;
    this.#waiters += 1;
    try {
      return await entry.poller.wait(document, options);
    } finally {
      entry.waiters -= 1;
      this.#waiters -= 1;
      if (entry.waiters === 0) this.#forgetLater(document.queue, entry);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const entries = [...this.#byQueue.values()];
    this.#byQueue.clear();
    for (const { unsubscribe, forget } of entries) {
      unsubscribe();
      forget?.cancel();
    }
    await Promise.all(entries.map(({ poller }) => poller.close()));
  }

  #entry(document: QueueDocument): Entry {
    const known = this.#byQueue.get(document.queue);
    if (known !== undefined) return known;
    this.#makeRoom();
    const poller = new Poller(this.#context, { ...this.#parts, document });
    const unsubscribe = this.#context.wakeup.subscribe(document.queueId, () => poller.hint());
    const entry: Entry = { poller, unsubscribe, waiters: 0, forget: undefined };
    this.#byQueue.set(document.queue, entry);
    return entry;
  }

  #makeRoom(): void {
    const { maxPolledQueues } = this.#context.limits;
    if (this.#byQueue.size < maxPolledQueues) return;
    for (const [queue, entry] of this.#byQueue) {
      if (entry.waiters > 0 || !entry.poller.idle) continue;
      this.#drop(queue, entry);
      return;
    }
    throw new QueueError('busy', `consumers wait at ${maxPolledQueues} queues of this node already`, {
      retryAfterMs: 1000,
    });
  }

  #forgetLater(queue: string, entry: Entry): void {
    if (this.#closed) return;
    entry.forget = this.#context.runtime.setTimer(IDLE_MS, () => {
      if (entry.waiters === 0 && entry.poller.idle) this.#drop(queue, entry);
      else if (entry.waiters === 0) this.#forgetLater(queue, entry);
    });
  }

  #drop(queue: string, entry: Entry): void {
    if (this.#byQueue.get(queue) === entry) this.#byQueue.delete(queue);
    entry.unsubscribe();
    entry.forget?.cancel();
  }
}
