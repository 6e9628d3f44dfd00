import type { TargetRules } from './address-rules.ts';
import { Lane } from './lane.ts';
import { parseTargetUrl } from './target-url.ts';

/** The lanes of the targets in use, by URL. A bounded number; those that nobody uses go first, the longest unused first. */
export class Lanes {
  readonly #rules: TargetRules;
  readonly #max: number;
  readonly #lanes = new Map<string, Lane>();

  constructor(rules: TargetRules, max: number) {
    this.#rules = rules;
    this.#max = max;
  }

  /** Throws WebhookError. */
  of(url: string): Lane {
    const lane = this.#lanes.get(url) ?? new Lane(parseTargetUrl(url, this.#rules));
    this.#lanes.delete(url);
    this.#lanes.set(url, lane);
    if (this.#lanes.size > this.#max) this.#forgetOne();
    return lane;
  }

  #forgetOne(): void {
    for (const [url, lane] of this.#lanes) {
      if (lane.users > 0) continue;
      this.#lanes.delete(url);
      return;
    }
  }
}
