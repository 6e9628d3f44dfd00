/** What all routers of a leader keep of what they have just read, bounded: the oldest goes first. */
export class RecentChunks {
  readonly #maxBytes: number;
  readonly #kept = new Map<object, { readonly bytes: number; readonly forget: () => void }>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** `forget` is called when there is no room for it any more: at once, if there is none at all. */
  add(chunk: object, bytes: number, forget: () => void): void {
    this.#kept.set(chunk, { bytes, forget });
    this.#bytes += bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.drop(oldest);
    }
  }

  drop(chunk: object): void {
    const known = this.#kept.get(chunk);
    if (known === undefined) return;
    this.#kept.delete(chunk);
    this.#bytes -= known.bytes;
    known.forget();
  }
}
