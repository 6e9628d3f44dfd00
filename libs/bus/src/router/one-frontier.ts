import type { StreamPlace } from './position.ts';
import type { Pump } from './pump.ts';

export interface FrontierOptions {
  /** Where the stream ended when this leader took over: who led before may have decided up to there. */
  readonly claimedAt: StreamPlace;
  pumps(): Iterable<Pick<Pump, 'next'>>;
  /** Resolves when what was edited is saved. */
  saved(): Promise<void>;
}

/** Up to where it is decided who gets what, and how that is changed for what comes after. */
export class Frontier {
  readonly #options: FrontierOptions;
  #limit = Number.POSITIVE_INFINITY;
  #decided: StreamPlace;

  constructor(options: FrontierOptions) {
    this.#options = options;
    this.#decided = options.claimedAt;
  }

  /** Nothing at or beyond this offset may be decided now. */
  get limit(): number {
    return this.#limit;
  }

  get claimedAt(): StreamPlace {
    return this.#options.claimedAt;
  }

  /** What lies before `place` stays decided, also when who had read so far begins anew further back. */
  keep(place: StreamPlace): void {
    if (place.offset > this.#decided.offset) this.#decided = place;
  }

  /** Runs `edit` on what is saved. Nothing beyond the place it is given is decided until that is durable. */
  async replan(edit: (at: StreamPlace) => void): Promise<void> {
    const at = this.#undecided();
    this.#limit = at.offset;
    edit(at);
    // When it can't be saved this leader has ended, and decides nothing any more.
    await this.#options.saved();
    this.#limit = Number.POSITIVE_INFINITY;
  }

  /** Where nothing is decided yet. */
  #undecided(): StreamPlace {
    let furthest = this.#decided;
    for (const { next } of this.#options.pumps()) if (next.offset > furthest.offset) furthest = next;
    return furthest;
  }
}
