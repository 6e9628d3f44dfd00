import type { QueueHandle, ReceivedMessage } from '@message-vault/client';
import { isVaultClientError } from '@message-vault/client';

export interface ReceiverOptions {
  readonly queue: QueueHandle;
  /** Prints a message; false when it went nowhere. */
  readonly print: (message: ReceivedMessage) => Promise<boolean>;
  /** What becomes of a message that has been printed. */
  readonly afterwards: 'acknowledge' | 'keep-locked' | 'give-back';
  readonly limit: number;
  /** Messages asked for at the same time. */
  readonly concurrency: number;
  /** Ends when no message has come for so long. */
  readonly waitMs: number;
  /** Takes no more messages. */
  readonly stop: AbortSignal;
  /** A message could not be settled: it comes again. */
  readonly onTrouble: (message: ReceivedMessage, error: unknown) => void;
}

/** After an interrupt: how long settling what has been taken may take. */
const GRACE_MS = 5000;
const MAX_WAIT_SECONDS = 60;

/**
 * Takes messages from a queue, prints them and settles them, in this order: should the process die at any moment, a
 * message that was not printed is still in the queue. One that was may come again.
 */
export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #end = new AbortController();
  readonly #held: ReceivedMessage[] = [];
  /** Messages asked for or printed. */
  #claimed = 0;
  #printed = 0;
  #settled = 0;
  #failure: unknown;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  async run(): Promise<{ printed: number; settled: number }> {
    const { stop, concurrency } = this.#options;
    const onStop = (): void => this.#end.abort();
    if (stop.aborted) onStop();
    stop.addEventListener('abort', onStop, { once: true });
    try {
      await Promise.all(Array.from({ length: concurrency }, () => this.#work()));
      await Promise.all(
        this.#held.map((message) => this.#settle(message, () => message.lock.release(grace()))),
      );
    } finally {
      stop.removeEventListener('abort', onStop);
    }
    if (this.#failure !== undefined) throw this.#failure;
    return { printed: this.#printed, settled: this.#settled };
  }

  async #work(): Promise<void> {
    try {
      while (!this.#end.signal.aborted && this.#claimed < this.#options.limit) {
        this.#claimed += 1;
        const message = await this.#next();
        if (message === undefined) {
          this.#claimed -= 1;
          return;
        }
        await this.#deal(message);
      }
    } catch (error) {
      if (!this.#end.signal.aborted) this.#failure = error;
      this.#end.abort();
    }
  }

  /** Undefined when there is none for as long as was to be waited. */
  async #next(): Promise<ReceivedMessage | undefined> {
    const { queue, waitMs } = this.#options;
    const until = performance.now() + waitMs;
    for (;;) {
      const leftSeconds = Math.max(0, Math.ceil((until - performance.now()) / 1000));
      const waitSeconds = Math.min(leftSeconds, MAX_WAIT_SECONDS);
      const message = await queue.receive({ waitSeconds, signal: this.#end.signal });
      if (message !== undefined || performance.now() >= until) return message;
    }
  }

  async #deal(message: ReceivedMessage): Promise<void> {
    const { print, afterwards } = this.#options;
    let printed = false;
    try {
      printed = await print(message);
    } finally {
      if (!printed) await this.#settle(message, () => message.lock.release(grace()));
    }
    if (!printed) {
      this.#end.abort();
      return;
    }
    this.#printed += 1;
    if (afterwards === 'acknowledge') await this.#settle(message, () => message.lock.acknowledge(grace()));
    else if (afterwards === 'give-back') this.#held.push(message);
  }

  async #settle(message: ReceivedMessage, action: () => Promise<void>): Promise<void> {
    try {
      await action();
      this.#settled += 1;
    } catch (error) {
      if (!isVaultClientError(error)) throw error;
      this.#options.onTrouble(message, error);
    }
  }
}

function grace(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(GRACE_MS) };
}
