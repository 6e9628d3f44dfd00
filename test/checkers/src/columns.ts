type TypedArray = Float64Array | Uint32Array | Uint8Array;

/** A typed array that grows. What was never set reads as `empty`. */
export class Column {
  #values: TypedArray;
  readonly #empty: number;
  readonly #make: (length: number) => TypedArray;

  constructor(make: (length: number) => TypedArray, empty = 0) {
    this.#values = make(1024).fill(empty);
    this.#empty = empty;
    this.#make = make;
  }

  get(index: number): number {
    return this.#values[index] ?? this.#empty;
  }

  set(index: number, value: number): void {
    if (index >= this.#values.length) this.#grow(index + 1);
    this.#values[index] = value;
  }

  /** Sets bits; only for columns of whole numbers. */
  mark(index: number, bits: number): void {
    this.set(index, this.get(index) | bits);
  }

  #grow(needed: number): void {
    const grown = this.#make(Math.max(needed, this.#values.length * 2)).fill(this.#empty);
    grown.set(this.#values);
    this.#values = grown;
  }
}

export const float64 = (empty: number): Column => new Column((length) => new Float64Array(length), empty);
export const uint32 = (): Column => new Column((length) => new Uint32Array(length));
export const uint8 = (): Column => new Column((length) => new Uint8Array(length));
