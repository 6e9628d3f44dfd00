import type { Runtime, Timer } from '@message-vault/runtime';
import type { Transport } from './transport.ts';

/** How often a node that owes an answer is asked whether it lives. */
const EVERY_MS = 2000;
/** A living node says so at once. */
const PATIENCE_MS = 1000;
const MAX_ANSWER_BYTES = 64 * 1024;

interface Attended {
  waiting: number;
  timer: Timer | undefined;
  readonly dead: AbortController;
}

/** Somebody waits for an answer of a node. */
export interface Guard {
  /** Fires when the node has stopped giving signs of life. */
  readonly signal: AbortSignal;
  release(): void;
}

/**
 * Watches over nodes that keep a request waiting on purpose. A frozen process or a dead link looks just like a quiet
 * stream: a small question on another connection tells them apart. One a node, however many requests wait there.
 */
export class Pulse {
  readonly #runtime: Runtime;
  readonly #transport: Transport;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #attended = new Map<string, Attended>();

  constructor(options: {
    runtime: Runtime;
    transport: Transport;
    headers: Readonly<Record<string, string>>;
  }) {
    this.#runtime = options.runtime;
    this.#transport = options.transport;
    this.#headers = options.headers;
  }

  guard(url: string): Guard {
    const attended = this.#attended.get(url) ?? this.#attend(url);
    attended.waiting += 1;
    return {
      signal: attended.dead.signal,
      release: () => {
        attended.waiting -= 1;
        if (attended.waiting === 0) this.#forget(url, attended);
      },
    };
  }

  #attend(url: string): Attended {
    const attended: Attended = { waiting: 0, timer: undefined, dead: new AbortController() };
    this.#attended.set(url, attended);
    this.#schedule(url, attended);
    return attended;
  }

  #schedule(url: string, attended: Attended): void {
    attended.timer = this.#runtime.setTimer(EVERY_MS, () => void this.#ask(url, attended));
  }

  async #ask(url: string, attended: Attended): Promise<void> {
    try {
      await this.#transport.send({
        url,
        method: 'GET',
        path: '/-/health/live',
        headers: this.#headers,
        stallTimeoutMs: PATIENCE_MS,
        maxResponseBytes: MAX_ANSWER_BYTES,
      });
      // Whatever the answer: it is one.
      if (attended.waiting > 0) this.#schedule(url, attended);
    } catch (error) {
      this.#forget(url, attended);
      attended.dead.abort(error);
    }
  }

  #forget(url: string, attended: Attended): void {
    attended.timer?.cancel();
    if (this.#attended.get(url) === attended) this.#attended.delete(url);
  }
}
