/** What holds one of a limited number of places, until it is released. */
export interface Permit {
  release(): void;
}

/** A limited number of places, given out in the order they were asked for. */
export class Permits {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(places: number) {
    this.#free = places;
  }

  async take(): Promise<Permit> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return { release: () => this.#release() };
  }

  /** The place goes straight to whoever waits longest. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
