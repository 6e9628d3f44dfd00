/** A number of bytes that may be held at once; who finds no room waits for it, first come, first served. */
export class ByteBudget {
  readonly #maxBytes: number;
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = [];
  #held = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Resolves with the way to give them back, which may be used once or more. More than there ever is waits until nothing else is held. */
  async take(bytes: number): Promise<() => void> {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) {
      await new Promise<void>((go) => this.#waiting.push({ bytes, go }));
    } else {
      this.#held += bytes;
    }
    let given = false;
    return () => {
      if (!given) this.#give(bytes);
      given = true;
    };
  }

  #give(bytes: number): void {
    this.#held -= bytes;
    for (
      let first = this.#waiting[0];
      first !== undefined && this.#fits(first.bytes);
      first = this.#waiting[0]
    ) {
      this.#waiting.shift();
      this.#held += first.bytes;
      first.go();
    }
  }

  #fits(bytes: number): boolean {
    return this.#held === 0 || this.#held + bytes <= this.#maxBytes;
  }
}
