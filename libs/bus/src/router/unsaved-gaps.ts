interface Held {
  readonly offset: number;
}

/** Gaps that are not saved yet: a subscriber reads up to where they begin only, for the next leader is to leave out the same. */
export class UnsavedGaps {
  readonly #held = new Map<string, Held>();

  /** Nothing at or beyond this offset may be read now. */
  limit(subscriptionId: string): number {
    return this.#held.get(subscriptionId)?.offset ?? Number.POSITIVE_INFINITY;
  }

  /** Holds a subscriber up at `offset` until all of its gaps are `saved`; `release` is called then. */
  hold(subscriptionId: string, offset: number, how: { saved: Promise<void>; release: () => void }): void {
    const held = { offset: Math.min(offset, this.limit(subscriptionId)) };
    this.#held.set(subscriptionId, held);
    how.saved.then(
      () => {
        // Another gap has come meanwhile: it is released with that.
        if (this.#held.get(subscriptionId) !== held) return;
        this.#held.delete(subscriptionId);
        how.release();
      },
      // This leader has ended: nothing is read any more.
      () => {},
    );
  }
}
