import type { ReadMessage } from '@message-vault/log';
import type { Alarms } from './alarms.ts';
import type { DeliveryResult } from './delivery.ts';
import type { ListenerEnd, RouterListener } from './listener.ts';
import type { MessageTarget } from './message-pump.ts';

interface Held {
  readonly message: ReadMessage;
  offered: boolean;
  settle(result: DeliveryResult): void;
}

type Outcome = DeliveryResult | { readonly outcome: 'full' };

const MAX_HELD = 256;

/**
 * A listener that may go and come back: what it was given stays its own meanwhile, and is given to it again. Delivered
 * means acknowledged in time.
 */
export class OneListener implements MessageTarget {
  readonly concurrency = MAX_HELD;
  readonly maxAttempts: () => number;
  readonly #alarms: Alarms;
  readonly #acknowledgeWithinMs: () => number;
  readonly #held = new Map<number, Held>();
  #listener: RouterListener | undefined;

  constructor(options: { alarms: Alarms; acknowledgeWithinMs: () => number; maxAttempts: () => number }) {
    this.#alarms = options.alarms;
    this.#acknowledgeWithinMs = options.acknowledgeWithinMs;
    this.maxAttempts = options.maxAttempts;
  }

  get listener(): RouterListener | undefined {
    return this.#listener;
  }

  /** Somebody listens (again): what is still held will be offered first, by `offerAgain`. */
  connect(listener: RouterListener): void {
    this.#listener = listener;
    for (const held of this.#held.values()) held.offered = false;
  }

  /** The connection is gone, or is to go. */
  disconnect(why?: ListenerEnd): void {
    const listener = this.#listener;
    this.#listener = undefined;
    if (why !== undefined) listener?.ended(why);
    for (const held of this.#held.values()) this.#alarms.clear(held);
  }

  /** There is room: what could not be offered is. */
  offerAgain(): void {
    for (const held of this.#held.values()) {
      if (!held.offered && !this.#offer(held)) return;
    }
  }

  deliver(message: ReadMessage): Promise<Outcome> {
    if ([...this.#held.values()].some(({ offered }) => !offered)) return Promise.resolve({ outcome: 'full' });
    return new Promise((resolve) => {
      const held: Held = {
        message,
        offered: false,
        settle: (result) => {
          this.#held.delete(message.offset);
          this.#alarms.clear(held);
          resolve(result);
        },
      };
      if (!this.#offer(held)) return resolve({ outcome: 'full' });
      this.#held.set(message.offset, held);
    });
  }

  /** False for what it does not hold (any more): somebody else may have it. */
  acknowledge(offset: number): boolean {
    const held = this.#held.get(offset);
    held?.settle({ outcome: 'delivered' });
    return held !== undefined;
  }

  /** It will not come back: nothing of what it holds was acknowledged. */
  drop(): void {
    for (const held of [...this.#held.values()])
      held.settle({ outcome: 'retry', reason: 'the listener has gone' });
  }

  #offer(held: Held): boolean {
    if (this.#listener === undefined || this.#listener.offer(held.message) === 'full') return false;
    held.offered = true;
    this.#alarms.set(held, this.#acknowledgeWithinMs(), () =>
      held.settle({ outcome: 'retry', reason: 'it was not acknowledged in time' }),
    );
    return true;
  }
}
