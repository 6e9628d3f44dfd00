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
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = items[parentAt];
      if (parent === undefined || earlier(parent, item) < 0) break;
      items[at] = parent;
      at = parentAt;
    }
    items[at] = item;
  }

  pop(): T | undefined {
    const first = this.#items[0];
    const last = this.#items.pop();
    if (last !== undefined && this.#items.length > 0) this.#sink(last);
    return first;
  }

  /** Drops what `keep` does not want. */
  retain(keep: (item: T) => boolean): void {
    // A sorted list is a heap.
    this.#items = this.#items.filter(keep).sort(earlier);
  }

  clear(): void {
    this.#items = [];
  }

  /** Finds `item` its place, from the top down. */
  #sink(item: T): void {
    const items = this.#items;
    let at = 0;
    for (;;) {
      const left = items[2 * at + 1];
      const right = items[2 * at + 2];
      if (left === undefined) break;
      const useRight = right !== undefined && earlier(right, left) < 0;
      const child = useRight ? right : left;
      if (earlier(item, child) < 0) break;
      items[at] = child;
      at = useRight ? 2 * at + 2 : 2 * at + 1;
    }
    items[at] = item;
  }
}

function earlier(a: Due, b: Due): number {
  return a.at - b.at || a.order - b.order;
}
