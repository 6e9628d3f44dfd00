/** Something that falls due at a time; of those due at the same time the lower `order` comes first. */
export interface Due {
  readonly at: number;
  readonly order: number;
}

/** The earliest first, in time logarithmic in their number (a binary heap). */
export class DueHeap<T extends Due> {
  #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  first(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    this.#items.push(item);
    this.#rise(this.#items.length - 1);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    const last = this.#items.pop();
    if (first === undefined || last === undefined || this.#items.length === 0) return first;
    this.#items[0] = last;
    this.#sink(0);
    return first;
  }

  /** Drops what `keep` does not want. */
  retain(keep: (item: T) => boolean): void {
    // A sorted list is a heap.
    this.#items = this.#items.filter(keep).sort(earlier);
  }

  #rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#swapUnlessOrdered(parent, at)) return;
      at = parent;
    }
  }

  #sink(from: number): void {
    for (let at = from; ; ) {
      const [left, right] = [this.#items[2 * at + 1], this.#items[2 * at + 2]];
      if (left === undefined) return;
      const child = right !== undefined && earlier(right, left) < 0 ? 2 * at + 2 : 2 * at + 1;
      if (!this.#swapUnlessOrdered(at, child)) return;
      at = child;
    }
  }

  /** Whether they were in the wrong order, which they no longer are. */
  #swapUnlessOrdered(parent: number, child: number): boolean {
    const [above, below] = [this.#items[parent], this.#items[child]];
    if (above === undefined || below === undefined || earlier(above, below) <= 0) return false;
    this.#items[parent] = below;
    this.#items[child] = above;
    return true;
  }
}

function earlier(a: Due, b: Due): number {
  return a.at - b.at || a.order - b.order;
}
