import type { RouterPolicy } from '@message-vault/metadata';
import { messageOf } from '@message-vault/runtime';
import { backlogOf, isOver } from './backlog.ts';
import type { Distribution, DistributionHost } from './distribution.ts';
import type { StreamPlace } from './position.ts';
import { placeOf } from './start-place.ts';
import type { Subscription } from './state-document.ts';

/**
 * Keeps what waits for a subscriber within the bounds of a policy that says to discard. `reject` is looked after where
 * messages come in.
 */
export class Overflows {
  readonly #host: DistributionHost;
  readonly #distribution: Distribution;
  /** Subscriptions that are being brought back within bounds. */
  readonly #jumping = new Set<string>();

  constructor(options: { host: DistributionHost; distribution: Distribution }) {
    this.#host = options.host;
    this.#distribution = options.distribution;
  }

  /** The stream has grown from `before`. */
  look(policy: RouterPolicy, subscriptions: readonly Subscription[], before: StreamPlace): void {
    const { maxQueueLength, maxQueueCapacityBytes, overflow } = policy;
    if (overflow === 'reject' || (maxQueueLength === undefined && maxQueueCapacityBytes === undefined))
      return;
    for (const { id, state } of subscriptions) {
      if (state === 'ended' || this.#jumping.has(id)) continue;
      const cursor = this.#distribution.cursor(id);
      const gaps = this.#distribution.gaps(id);
      if (cursor === undefined || !isOver(backlogOf(cursor, this.#host.tail(), gaps), policy)) continue;
      if (overflow === 'discard-incoming') this.#discardIncoming(id, policy, { cursor, before });
      else this.#discardExisting(id, policy, cursor);
    }
  }

  /** Takes of what has come in what there was room for. */
  #discardIncoming(
    id: string,
    { maxQueueLength }: RouterPolicy,
    { cursor, before }: { cursor: StreamPlace; before: StreamPlace },
  ): void {
    const waiting = backlogOf(cursor, before, this.#distribution.gaps(id)).messages;
    const room = Math.max(0, (maxQueueLength ?? waiting) - waiting);
    const from = {
      offset: before.offset + room,
      sequenceNumber: before.sequenceNumber + room,
    };
    this.#distribution.discard(id, { from, to: this.#host.tail() });
  }

  #discardExisting(id: string, policy: RouterPolicy, cursor: StreamPlace): void {
    this.#jumping.add(id);
    void this.#discard(id, policy, cursor).finally(() => this.#jumping.delete(id));
  }

  async #discard(id: string, policy: RouterPolicy, cursor: StreamPlace): Promise<void> {
    const { ports } = this.#host;
    try {
      const to = await this.#keptFrom(policy, cursor);
      if (to.offset <= (this.#distribution.cursor(id)?.offset ?? to.offset)) return;
      // All that would be left out was sent: it may be there.
      if (to.offset <= this.#distribution.reached(id)) return;
      await this.#distribution.jump(id, to);
      ports.logger.warn({ subscription: id, to: to.offset }, 'messages were discarded as the policy says');
    } catch (error) {
      // The next message that comes in looks again.
      ports.logger.warn({ subscription: id, reason: messageOf(error) }, 'an overflow could not be seen to');
    }
  }

  /** The oldest message that may stay. */
  async #keptFrom(policy: RouterPolicy, cursor: StreamPlace): Promise<StreamPlace> {
    const tail = this.#host.tail();
    const { messages, bytes } = backlogOf(cursor, tail);
    const byLength = Math.min(messages, policy.maxQueueLength ?? messages);
    const share = Math.min(1, (policy.maxQueueCapacityBytes ?? bytes) / Math.max(1, bytes));
    const kept = Math.min(byLength, Math.floor(messages * share));
    if (kept <= 0) return tail;
    return await placeOf(this.#host, { sequenceNumber: tail.sequenceNumber - kept });
  }
}
