import { HttpProblem } from '../problems.ts';

/** A limited number of places for those who stay connected. */
export class Places {
  readonly #max: number;
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Answers how to give the place back, once. Throws HttpProblem `busy`. */
  take(): () => void {
    if (this.#taken >= this.#max)
      throw new HttpProblem('busy', `this node has ${this.#max} listeners already`, { retryAfter: 5 });
    this.#taken += 1;
    let held = true;
    return () => {
      if (held) this.#taken -= 1;
      held = false;
    };
  }
}
