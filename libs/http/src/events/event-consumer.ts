import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { StreamReader } from '@message-vault/log';
import { readStep } from '../read/held-step.ts';
import type { ReadBudget } from '../read/read-budget.ts';
import { endOfCommit, messageEvent, renderSlices, type Slice } from '../read/render.ts';
import { HEARTBEAT } from './event-stream.ts';
import { patiently } from './patience.ts';
import type { TailFollower, TailHub } from './tail-hub.ts';

export interface EventConsumerOptions {
  readonly res: ServerResponse;
  /** Offset of the first message to send. */
  readonly from: number;
  /** Messages to send before the stream ends; Infinity for all to come. */
  readonly limit: number;
  readonly maxBufferedBytes: number;
  readonly stepBytes: number;
  readonly budget: ReadBudget;
  readonly stalledMs: number;
  /** Told of every slice the client gets. */
  readonly onSent: (slice: Slice) => void;
}

/**
 * One client that chases the tail by server-sent events. It reads on by itself, as fast as the client takes it, until
 * it is at the tail; from there the hub serves it, until the client is too slow for that.
 */
export class EventConsumer implements TailFollower {
  readonly #options: EventConsumerOptions;
  readonly #res: ServerResponse;
  #position: number;
  #left: number;
  #quiet = true;
  #seenBuffered = 0;
  #stuckMs = 0;

  constructor(options: EventConsumerOptions) {
    this.#options = options;
    this.#res = options.res;
    this.#position = options.from;
    this.#left = options.limit;
  }

  get position(): number {
    return this.#position;
  }

  /** Serves the client until it has got what it asked for, or `signal` fires. */
  async run(reader: StreamReader, hub: () => TailHub, signal: AbortSignal): Promise<void> {
    while (!this.#ended && !signal.aborted) {
      await this.#room(signal);
      const atTail = await this.#step(reader, signal);
      if (atTail && !this.#ended) await this.#follow(hub, signal);
    }
  }

  /** True when nothing is left to send for now. Holds nothing afterwards but what was sent. */
  async #step(reader: StreamReader, signal: AbortSignal): Promise<boolean> {
    const { stepBytes, budget } = this.#options;
    const from = this.#position;
    const request = { from, maxBytes: stepBytes, signal };
    const step = await patiently(() => readStep(budget, reader, request), signal);
    try {
      this.#sendAll(step.commits, step.nextOffset);
      return step.upToDate && this.#position >= step.nextOffset;
    } finally {
      step.release();
    }
  }

  offer(slice: Slice): boolean {
    if (slice.nextOffset <= this.#position) return true;
    const fits = slice.from === this.#position && slice.messages <= this.#left;
    if (!fits || this.#ended || this.#full) return false;
    this.#send(slice);
    return !this.#ended;
  }

  /**
   * Called every `sinceMs`. Says something if nothing was said since, so that nobody in between takes the connection
   * for dead; sends a client away that has taken nothing of what waits for it for too long.
   */
  tick(sinceMs: number): void {
    const buffered = this.#res.writableLength;
    const stuck = buffered > 0 && buffered >= this.#seenBuffered;
    this.#stuckMs = stuck ? this.#stuckMs + sinceMs : 0;
    this.#seenBuffered = buffered;
    if (this.#stuckMs >= this.#options.stalledMs) this.#res.destroy();
    else if (this.#quiet && buffered === 0) this.#res.write(HEARTBEAT);
    this.#quiet = true;
  }

  get #ended(): boolean {
    return this.#left <= 0 || this.#res.destroyed;
  }

  get #full(): boolean {
    return this.#res.writableLength > this.#options.maxBufferedBytes;
  }

  /** Sends what fits; the rest is read again when there is room, so that nothing is held for a slow client. */
  #sendAll(commits: Parameters<typeof renderSlices>[0], until: number): void {
    const last = commits.at(-1);
    if (last === undefined) {
      this.#position = until;
      return;
    }
    const range = { from: this.#position, until: Math.min(until, endOfCommit(last)) };
    for (const slice of renderSlices(commits, range, this.#limited())) {
      this.#send(slice);
      if (this.#full || this.#ended) return;
    }
  }

  /** Renders no more messages than are left to send. */
  #limited(): typeof messageEvent {
    let left = this.#left;
    return (message, nextOffset) => {
      left -= 1;
      return left >= 0 ? messageEvent(message, nextOffset) : '';
    };
  }

  #send(slice: Slice): void {
    this.#position = slice.nextOffset;
    this.#left -= slice.messages;
    if (slice.bytes.byteLength === 0) return;
    this.#quiet = false;
    this.#res.write(slice.bytes);
    this.#options.onSent(slice);
  }

  async #follow(openHub: () => TailHub, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const hub = openHub();
    const leave = (): void => hub.leave(this);
    signal.addEventListener('abort', leave, { once: true });
    try {
      await hub.follow(this);
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  async #room(signal: AbortSignal): Promise<void> {
    if (this.#res.writableNeedDrain && this.#full) await once(this.#res, 'drain', { signal });
  }
}
