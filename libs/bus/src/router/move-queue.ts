import type { ReadMessage } from '@message-vault/log';
import { backOffMs } from './back-off.ts';
import type { Move } from './cursors-document.ts';
import type { DeliveryResult } from './delivery.ts';
import type { PumpContext } from './pump.ts';

/** Takes moved messages; `ordered`: one at a time, in the order of their places. */
export interface MoveTarget {
  readonly concurrency: number;
  readonly ordered: boolean;
  maxAttempts(): number | undefined;
  /** Where order matters: whether all that come before it are done. Others are not far: they are being saved. */
  isNext(move: Move): boolean;
  deliver(message: ReadMessage, move: Move): Promise<DeliveryResult | { readonly outcome: 'full' }>;
}

export interface MoveQueueOptions {
  readonly member: string;
  readonly context: PumpContext;
  readonly target: MoveTarget;
  readonly done: (move: Move) => void;
  /** This member could not take it: true when it goes to another, which is not this queue's affair any more. */
  readonly takenOver: (move: Move, message: ReadMessage) => boolean;
}

/** The messages that were first for others and now go to one member. What is in it is saved. */
export class MoveQueue {
  readonly #options: MoveQueueOptions;
  #waiting: Move[] = [];
  /** All that are here, whatever becomes of them. */
  readonly #known = new Set<Move>();
  readonly #backingOff = new Set<Move>();
  #inFlight = 0;
  #blocked = false;
  /** What was full before the last kick may have room since. */
  #kicks = 0;
  #stopped = false;
  #idle: (() => void)[] = [];

  constructor(options: MoveQueueOptions) {
    this.#options = options;
  }

  /** Adding one again does nothing. */
  add(move: Move, afterMs = 0): void {
    if (this.#stopped || this.#known.has(move)) return;
    this.#known.add(move);
    if (afterMs > 0 && !this.#options.target.ordered) {
      this.#later(move, afterMs);
      return;
    }
    this.#enqueue(move);
  }

  #enqueue(move: Move): void {
    const at = this.#waiting.findIndex(({ place }) => place > move.place);
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, move);
    this.#advance();
  }

  kick(): void {
    this.#kicks += 1;
    this.#blocked = false;
    this.#advance();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    for (const move of this.#backingOff) this.#options.context.alarms.clear(move);
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#settleIdle();
    });
  }

  #advance(): void {
    const { context, target } = this.#options;
    while (!this.#stopped && !this.#blocked && this.#inFlight < target.concurrency) {
      // One that waits for its next try holds up those behind it, where order matters.
      if (target.ordered && this.#backingOff.size > 0) return;
      if (!context.ports.leadership.isLeading()) return;
      const move = this.#waiting[0];
      if (move === undefined || !target.isNext(move)) return;
      this.#waiting.shift();
      this.#inFlight += 1;
      void this.#try(move).finally(() => {
        this.#inFlight -= 1;
        this.#settleIdle();
        this.#advance();
      });
    }
  }

  async #try(move: Move): Promise<void> {
    const { context, target, member } = this.#options;
    // It has been given to somebody else in the meantime.
    if (move.to !== member || move.done) {
      this.#known.delete(move);
      return;
    }
    let message: ReadMessage | undefined;
    try {
      message = await context.intake.message(move.offset);
      if (message === undefined) return this.#done(move);
      const age = context.ports.runtime.now() - message.timestamp;
      if (age > context.policy().bufferTimeoutMs)
        return await this.#giveUp(move, message, 'the message has waited too long');
      // Reading it may have taken longer than this leader leads.
      if (!context.ports.leadership.isLeading()) return;
      const kicks = this.#kicks;
      const result = await target.deliver(message, move);
      if (result.outcome === 'full') this.#full(move, kicks);
      else await this.#settle(move, message, result);
    } catch {
      move.attempts += 1;
      this.#failed(move, message, undefined);
    }
  }

  async #settle(move: Move, message: ReadMessage, result: DeliveryResult): Promise<void> {
    switch (result.outcome) {
      case 'delivered':
        return this.#done(move);
      case 'refused':
        return await this.#giveUp(move, message, result.reason);
      case 'later':
        // Nothing was sent: that was no try.
        if (!this.#stopped) this.#later(move, result.afterMs);
        return;
      case 'gone':
        // Others get what it has when it is no member any more.
        this.#stopped = true;
        this.#options.context.ended(result.reason);
        return;
      case 'retry':
        move.attempts += 1;
        if (move.attempts >= (this.#options.target.maxAttempts() ?? Number.POSITIVE_INFINITY))
          return await this.#giveUp(move, message, result.reason);
        return this.#failed(move, message, result.afterMs);
    }
  }

  async #giveUp(move: Move, message: ReadMessage, reason: string): Promise<void> {
    await this.#options.context.deadLetter(message, reason);
    this.#done(move);
  }

  /** It was not taken. `kicks`: how many there had been when it was offered. */
  #full(move: Move, kicks: number): void {
    this.#blocked ||= kicks === this.#kicks;
    this.#waiting.unshift(move);
  }

  #done(move: Move): void {
    this.#known.delete(move);
    this.#options.done(move);
  }

  #failed(move: Move, message: ReadMessage | undefined, askedMs: number | undefined): void {
    const { context, takenOver, target } = this.#options;
    if (this.#stopped || context.signal.aborted) return;
    if (!target.ordered && message !== undefined && takenOver(move, message)) {
      this.#known.delete(move);
      return;
    }
    this.#later(move, backOffMs(move.attempts, context.ports.runtime.random(), { askedMs }));
  }

  #later(move: Move, afterMs: number): void {
    this.#backingOff.add(move);
    this.#options.context.alarms.set(move, afterMs, () => {
      this.#backingOff.delete(move);
      this.#enqueue(move);
    });
  }

  #settleIdle(): void {
    if (!this.#stopped || this.#inFlight > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
