import type { Leadership } from '@message-vault/log';
import type { LeaseKeeper } from './lease-keeper.ts';

/** One term of leadership: an epoch, and the lease that makes it last. */
export class Term implements Leadership {
  readonly epoch: number;
  readonly keeper: LeaseKeeper;
  readonly #onLost: (reason: string, newerEpoch: number | undefined) => void;
  #ended = false;

  constructor(
    epoch: number,
    keeper: LeaseKeeper,
    onLost: (reason: string, newerEpoch: number | undefined) => void,
  ) {
    this.epoch = epoch;
    this.keeper = keeper;
    this.#onLost = onLost;
  }

  isLeading(): boolean {
    return !this.#ended && this.keeper.isHeld;
  }

  lost(reason: string, newerEpoch?: number): void {
    if (!this.#ended) this.#onLost(reason, newerEpoch);
  }

  /** Over, whatever the lease says. */
  end(): void {
    this.#ended = true;
    this.keeper.stop();
  }
}
