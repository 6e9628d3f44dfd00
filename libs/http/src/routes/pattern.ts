/** Compares the subordinate part of a target, percent-encoded, with a pattern: `head`, `locks/:id`, `relay/*`. */
export class Pattern {
  readonly #parts: readonly string[];
  readonly #open: boolean;

  constructor(pattern: string) {
    const parts = pattern.split('/');
    this.#open = parts.at(-1) === '*';
    this.#parts = this.#open ? parts.slice(0, -1) : parts;
  }

  /** What its variable parts stand for; undefined when `subordinate` is something else. */
  match(subordinate: string): Record<string, string> | undefined {
    const segments = subordinate.split('/');
    const fits = this.#open ? segments.length >= this.#parts.length : segments.length === this.#parts.length;
    if (!fits) return undefined;
    const parameters: Record<string, string> = {};
    for (const [at, part] of this.#parts.entries()) {
      const segment = segments[at] ?? '';
      if (!part.startsWith(':') && part !== segment) return undefined;
      if (part.startsWith(':')) parameters[part.slice(1)] = decodeURIComponent(segment);
    }
    if (this.#open) parameters.rest = segments.slice(this.#parts.length).join('/');
    return parameters;
  }
}
