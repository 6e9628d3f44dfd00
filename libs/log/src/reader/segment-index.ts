import type { Runtime } from '@message-vault/runtime';
import type { PageSource } from './page-source.ts';

/** A segment by its pages: from `first` up to the first page of the `next`, when there is a next one. */
export interface SegmentSpan {
  readonly first: number;
  readonly next: number | undefined;
}

/**
 * Which segments a stream has, by their first pages. Listed when first needed, added to when the reader itself sees a
 * segment begin, listed again when one turns out to be gone or when fresh knowledge is asked for.
 *
 * Ghosts are left out: empty segments before the first message, which a delayed request made after retention had deleted
 * what was there (docs/protocol.md). An empty one behind a message is none, and whoever reads on to it finds the damage.
 */
export class SegmentIndex {
  readonly #source: PageSource;
  readonly #runtime: Runtime;
  readonly #onListed: (earliestPage: number) => void;
  #firsts: readonly number[] | undefined;
  #listedAt = 0;
  #listing: Promise<readonly number[]> | undefined;
  /** Found to be ghosts, and still listed. Nobody ever writes to one, so it stays what it is. */
  #ghosts: ReadonlySet<number> = new Set();

  /** `onListed`: what begins before that page is gone for good. */
  constructor(options: { source: PageSource; runtime: Runtime; onListed: (earliestPage: number) => void }) {
    this.#source = options.source;
    this.#runtime = options.runtime;
    this.#onListed = options.onListed;
  }

  /** As last listed, however long ago; empty before the first listing. */
  get known(): readonly number[] {
    return this.#firsts ?? [];
  }

  /** Where the stream begins, as far as is known. */
  get earliestPage(): number {
    return this.known[0] ?? 0;
  }

  /** The first pages, ascending, from a listing at most `maxAgeMs` old. */
  async list(maxAgeMs = Number.POSITIVE_INFINITY): Promise<readonly number[]> {
    const fresh = this.#firsts !== undefined && this.#runtime.monotonic() - this.#listedAt <= maxAgeMs;
    return fresh ? this.known : this.refresh();
  }

  /** A listing that begins now, or joins the one under way. */
  refresh(): Promise<readonly number[]> {
    this.#listing ??= this.#list().finally(() => {
      this.#listing = undefined;
    });
    return this.#listing;
  }

  /** The reader has found a segment that starts at `first`. */
  add(first: number): void {
    if (this.known.at(-1) === first || this.known.includes(first)) return;
    this.#firsts = [...this.known, first].sort((a, b) => a - b);
  }

  /** The segment `page` lies in, as far as is known; undefined before the earliest. */
  containing(page: number): SegmentSpan | undefined {
    let low = 0;
    let high = this.known.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.known[middle] ?? 0) <= page) low = middle + 1;
      else high = middle;
    }
    const first = this.known[low - 1];
    return first === undefined ? undefined : { first, next: this.known[low] };
  }

  /** Whether retention has taken what was at `page`, by a listing made now. */
  async isGone(page: number): Promise<boolean> {
    const [earliest] = await this.refresh();
    return earliest === undefined || page < earliest;
  }

  async #list(): Promise<readonly number[]> {
    const before = this.#runtime.monotonic();
    const knownBefore = new Set(this.known);
    const listed = await this.#withoutGhosts(await this.#source.list());
    // What was added while the listing was under way may be younger than it.
    const added = this.known.filter((first) => !knownBefore.has(first));
    this.#firsts = [...new Set([...listed, ...added])].sort((a, b) => a - b);
    this.#listedAt = before;
    this.#onListed(this.earliestPage);
    return this.#firsts;
  }

  /** The newest is never one. Looked at after the listing: what was not the newest then had been written, or it is one. */
  async #withoutGhosts(listed: readonly number[]): Promise<readonly number[]> {
    const ghosts = new Set<number>();
    for (const first of listed.slice(0, -1)) {
      const contents = this.#ghosts.has(first) ? 'nothing' : await this.#source.contents(first);
      if (contents === 'something') break;
      ghosts.add(first);
    }
    this.#ghosts = ghosts;
    return listed.slice(ghosts.size);
  }
}
