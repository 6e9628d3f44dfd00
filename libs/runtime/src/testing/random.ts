/**
 * A small seeded generator (Marsaglia's xorshift128, seeded through splitmix32): the same seed gives the same numbers
 * on every machine. For simulations and tests only.
 */
export class SeededRandom {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    let mix = seed >>> 0;
    this.#state = Uint32Array.from({ length: 4 }, () => {
      mix = (mix + 0x9e3779b9) >>> 0;
      let word = mix;
      word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
      return (word ^ (word >>> 15)) >>> 0;
    });
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** An integer in [0, 2^32). */
  uint32(): number {
    const [x = 0, y = 0, z = 0, w = 0] = this.#state;
    let mixed = x ^ (x << 11);
    mixed ^= mixed >>> 8;
    mixed = (mixed ^ w ^ (w >>> 19)) >>> 0;
    this.#state.set([y, z, w, mixed]);
    return mixed;
  }

  /** Uniform in [0, 1), with 32 bits of resolution. */
  next(): number {
    return this.uint32() / 2 ** 32;
  }

  /** An integer in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('pick() needs a list with something in it');
    return item;
  }

  /** `count` bytes. */
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.uint32() & 0xff);
  }
}
