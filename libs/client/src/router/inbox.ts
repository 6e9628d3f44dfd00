import { type Runtime, sleep } from '@message-vault/runtime';
import { Backoff } from '../backoff.ts';
import type { RouterMessage } from './message.ts';

export interface InboxOptions {
  readonly runtime: Runtime;
  readonly concurrency: number;
  readonly handler: (message: RouterMessage) => Promise<unknown> | unknown;
  /** The handler threw; it is tried again with the same message after so long. */
  readonly onFailure: (message: RouterMessage, error: unknown, retryAfterMs: number) => void;
  /** A message is done with: whoever sent it is to be told. */
  readonly acknowledge: (offset: number) => void;
}

/** Acknowledged messages that may be repeated, for want of a durable acknowledgement. Those of long ago are forgotten. */
const MAX_REMEMBERED = 100_000;
const RETRY = { initialMs: 250, maxMs: 30_000 };

/**
 * What a listener was handed, and what came of it. It outlives connections: a message that is repeated on another one
 * is not handled twice, but acknowledged again once it is done with.
 */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #waiting = new Map<number, RouterMessage>();
  readonly #running = new Map<number, Promise<void>>();
  readonly #done = new Set<number>();
  #highest: number | undefined;
  readonly #stopped = new AbortController();

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** Messages that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  take(message: RouterMessage): void {
    const { offset } = message;
    this.#highest = Math.max(this.#highest ?? 0, offset);
    if (this.#done.has(offset)) this.#options.acknowledge(offset);
    else if (!this.#running.has(offset) && !this.#stopped.signal.aborted) {
      this.#waiting.set(offset, message);
      this.#start();
    }
  }

  /** Everything before it is done with; undefined as long as nothing has come. */
  get resumeAt(): number | undefined {
    if (this.#highest === undefined) return undefined;
    const open = [...this.#running.keys(), ...this.#waiting.keys()];
    return open.reduce((least, offset) => Math.min(least, offset), this.#highest + 1);
  }

  /** It will not be repeated. */
  forget(offset: number): void {
    this.#done.delete(offset);
  }

  /** Nothing before `offset` will be repeated. */
  forgetBefore(offset: number): void {
    for (const done of this.#done) {
      if (done >= offset) return;
      this.#done.delete(done);
    }
  }

  /** The connection is gone: what was not begun is handed out again, to this listener or to another. */
  disconnected(): void {
    this.#waiting.clear();
  }

  /** Begins nothing more and waits for what runs. A handler that failed is not tried again. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the listener ends'));
    this.#waiting.clear();
    await Promise.all(this.#running.values());
  }

  #start(): void {
    for (const [offset, message] of this.#waiting) {
      if (this.#running.size >= this.#options.concurrency) return;
      this.#waiting.delete(offset);
      // The handler begins when it is counted: it may end the listener at once.
      const run = Promise.resolve(message)
        .then((begun) => this.#handle(begun))
        .finally(() => {
          this.#running.delete(offset);
          this.#start();
        });
      this.#running.set(offset, run);
    }
  }

  async #handle(message: RouterMessage): Promise<void> {
    const { runtime, handler, acknowledge } = this.#options;
    const backoff = new Backoff(runtime, RETRY);
    while (true) {
      try {
        await handler(message);
        this.#remember(message.offset);
        acknowledge(message.offset);
        return;
      } catch (error) {
        if (!(await this.#again(message, error, backoff.nextDelayMs()))) return;
      }
    }
  }

  /** False when the listener ends instead. */
  async #again(message: RouterMessage, error: unknown, delayMs: number): Promise<boolean> {
    const { runtime, onFailure } = this.#options;
    onFailure(message, error, delayMs);
    try {
      await sleep(runtime, delayMs, this.#stopped.signal);
      return true;
    } catch {
      return false;
    }
  }

  #remember(offset: number): void {
    this.#done.add(offset);
    if (this.#done.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#done;
    if (oldest !== undefined) this.#done.delete(oldest);
  }
}
