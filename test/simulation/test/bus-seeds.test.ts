import { expect, test } from 'vitest';
import type { SeedReport } from '../src/many/messages.ts';
import { runSeeds } from '../src/many/pool.ts';
import { describeFailure } from '../src/many/report.ts';
import { shrink } from '../src/many/shrink.ts';
import type { Profile } from '../src/run/profiles.ts';
import { simulate } from '../src/run/simulate.ts';

/** How many seeds of each; what runs of policies do is all that those of the bus do, and more. */
const RUNS = [
  ['routers, queues and names', 'bus', 50],
  ['their policies', 'policies', 60],
] as const;

/** Empty when nothing is wrong, otherwise all that is needed to see the failure again. */
async function failureOf(seed: number | undefined, profile: Profile): Promise<string> {
  if (seed === undefined) return '';
  const failed = await simulate(seed, { keepTrace: true, profile });
  return describeFailure(await shrink(failed, undefined), { whole: false });
}

test.each(RUNS)(
  'nothing is wrong with %s in any cluster that everything goes wrong for',
  async (_what, profile, seeds) => {
    const failed: number[] = [];
    const totals = { seeds: 0, leaders: 0, acks: 0, locks: 0, policies: 0 };
    const onSeed = ({ seed, findings, counts }: SeedReport): boolean => {
      totals.seeds += 1;
      totals.leaders += counts.leaders;
      totals.acks += counts.acks;
      totals.locks += counts.locks ?? 0;
      totals.policies += counts.policies ?? 0;
      if (findings.length > 0) failed.push(seed);
      return failed.length > 0;
    };
    await runSeeds({ from: 1, count: seeds, profile, onSeed });
    expect(await failureOf(failed[0], profile)).toBe('');
    expect(totals.seeds).toBe(seeds);
    // The faults do something, and the bus goes on all the same.
    expect(totals.leaders).toBeGreaterThan(1.5 * seeds);
    expect(totals.acks).toBeGreaterThan(100 * seeds);
    expect(totals.locks).toBeGreaterThan(100 * seeds);
    expect(totals.policies).toBeGreaterThan(5 * seeds);
  },
  1_200_000,
);

test.each(RUNS)(
  'a seed of %s does the same every time, bit for bit',
  async (_what, profile) => {
    for (let seed = 1; seed <= 3; seed += 1) {
      const once = await simulate(seed, { profile });
      const again = await simulate(seed, { profile, keepTrace: true });
      expect([seed, again.digest]).toEqual([seed, once.digest]);
    }
  },
  120_000,
);
