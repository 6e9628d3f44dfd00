import { readFileSync } from 'node:fs';
import type { Setup } from '../run/setup.ts';

/** A run that once failed. It is kept with all that its seed made then: what seeds make changes as faults are added. */
export interface KeptSeed {
  readonly seed: number;
  /** What was wrong, in a sentence. */
  readonly found: string;
  readonly setup: Setup;
}

/** Every run that ever failed because of the product, oldest first. */
export function keptSeeds(): readonly KeptSeed[] {
  return JSON.parse(readFileSync(new URL('../../seeds.json', import.meta.url), 'utf8'));
}
