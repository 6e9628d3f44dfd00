import type { Profile } from '../run/profiles.ts';
import type { Counts } from '../run/simulate.ts';
import type { Finding } from '../world/world.ts';

/** A range of seeds for one worker. */
export interface Assignment {
  readonly from: number;
  readonly count: number;
  /** Name of the bug planted, if any. */
  readonly plant: string | undefined;
  readonly profile: Profile | undefined;
}

/** What came of one seed. */
export interface SeedReport {
  readonly seed: number;
  readonly digest: string;
  readonly findings: readonly Finding[];
  readonly counts: Counts;
}
