import type { Fault } from '../faults/fault.ts';
import type { Plant } from '../plants/index.ts';
import { type Outcome, simulate } from '../run/simulate.ts';
import { calm } from '../world/weather.ts';

/** A bound on the runs spent on it. */
const MAX_TRIES = 60;

/** The same failure with as few faults as can be found by leaving out one after the other. */
export async function shrink(failed: Outcome, plant: Plant | undefined): Promise<Outcome> {
  const rule = failed.findings[0]?.rule;
  let smallest = failed;
  let tries = 0;
  const attempt = async (faults: readonly Fault[], fair: boolean): Promise<boolean> => {
    tries += 1;
    const outcome = await simulate(failed.seed, {
      keepTrace: true,
      plant,
      change: () => ({ ...failed.setup, faults, weather: fair ? calm : smallest.setup.weather }),
    });
    const still = outcome.findings.some((finding) => finding.rule === rule);
    if (still) smallest = outcome;
    return still;
  };
  await attempt(failed.setup.faults, true);
  for (let index = smallest.setup.faults.length - 1; index >= 0 && tries < MAX_TRIES; index -= 1) {
    const fewer = smallest.setup.faults.filter((_, at) => at !== index);
    await attempt(fewer, smallest.setup.weather === calm);
  }
  return smallest;
}
