import type { ReadMessage } from '@message-vault/log';
import type { Alarms } from './alarms.ts';
import type { DeliveryResult } from './delivery.ts';
import type { RouterListener } from './listener.ts';
import type { MessageTarget } from './message-pump.ts';

interface Offered {
  settle(result: DeliveryResult): void;
}

/** Messages on their way to a listener at once; it says itself when it is full before that. */
const MAX_OFFERED = 256;

/** A connected listener as a target: delivered means acknowledged. */
export class ListenerTarget implements MessageTarget {
  readonly concurrency = MAX_OFFERED;
  readonly listener: RouterListener;
  readonly #alarms: Alarms;
  readonly #acknowledgeWithinMs: (() => number) | undefined;
  readonly #offered = new Map<number, Offered>();
  #gone = false;

  /** With `acknowledgeWithinMs` a message that is not acknowledged in time counts as failed. */
  constructor(options: {
    listener: RouterListener;
    alarms: Alarms;
    acknowledgeWithinMs?: (() => number) | undefined;
  }) {
    this.listener = options.listener;
    this.#alarms = options.alarms;
    this.#acknowledgeWithinMs = options.acknowledgeWithinMs;
  }

  maxAttempts(): undefined {
    return undefined;
  }

  deliver(message: ReadMessage): Promise<DeliveryResult | { readonly outcome: 'full' }> {
    if (this.#gone) return Promise.resolve({ outcome: 'retry', reason: 'the listener has gone' });
    if (this.listener.offer(message) === 'full') return Promise.resolve({ outcome: 'full' });
    return new Promise((resolve) => {
      const { offset } = message;
      const offered: Offered = {
        settle: (result) => {
          this.#offered.delete(offset);
          this.#alarms.clear(offered);
          resolve(result);
        },
      };
      this.#offered.set(offset, offered);
      const withinMs = this.#acknowledgeWithinMs?.();
      if (withinMs === undefined) return;
      const late = { outcome: 'retry', reason: 'it was not acknowledged in time' } as const;
      this.#alarms.set(offered, withinMs, () => offered.settle(late));
    });
  }

  acknowledge(offset: number): void {
    this.#offered.get(offset)?.settle({ outcome: 'delivered' });
  }

  /** Nothing is offered any more; what was, was not acknowledged. */
  leave(): void {
    this.#gone = true;
    for (const offered of [...this.#offered.values()])
      offered.settle({ outcome: 'retry', reason: 'the listener has gone' });
  }
}
