/** What happened, in order. Two runs of one seed are the same when their digests are. */
export class Trace {
  readonly #lines: string[] | undefined;
  #low = 0x811c9dc5;
  #high = 0x01000193;
  #count = 0;

  /** `keep`: the lines too, not only their digest. */
  constructor(options: { keep: boolean }) {
    this.#lines = options.keep ? [] : undefined;
  }

  /** `atMs`: virtual time. */
  add(atMs: number, who: string, what: string): void {
    const micros = Math.round(atMs * 1000);
    this.#mix(micros);
    this.#mixText(who);
    this.#mixText(what);
    this.#count += 1;
    this.#lines?.push(`${(micros / 1000).toFixed(3).padStart(10)}  ${who.padEnd(8)} ${what}`);
  }

  get count(): number {
    return this.#count;
  }

  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  /** 64 bits, hexadecimal. */
  get digest(): string {
    const word = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
    return word(this.#high) + word(this.#low);
  }

  #mixText(text: string): void {
    for (let at = 0; at < text.length; at += 1) this.#mix(text.charCodeAt(at));
  }

  /** FNV-1a over words, twice with different primes. */
  #mix(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193);
    this.#high = Math.imul(this.#high ^ word, 0x85ebca6b) + (this.#high >>> 15);
  }
}
