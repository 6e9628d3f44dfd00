import { expect, test } from 'vitest';
import { keptSeeds } from '../src/many/kept.ts';
import type { SeedReport } from '../src/many/messages.ts';
import { runSeeds } from '../src/many/pool.ts';
import { describeFailure } from '../src/many/report.ts';
import { shrink } from '../src/many/shrink.ts';
import { simulate } from '../src/run/simulate.ts';

const SEEDS = 2000;

/** Empty when nothing is wrong, otherwise all that is needed to see the failure again. */
async function failureOf(seed: number | undefined): Promise<string> {
  if (seed === undefined) return '';
  const failed = await simulate(seed, { keepTrace: true });
  return describeFailure(await shrink(failed, undefined), { whole: false });
}

test(`nothing is wrong with any of ${SEEDS} clusters that everything goes wrong for`, async () => {
  const failed: number[] = [];
  const totals = { seeds: 0, leaders: 0, acks: 0 };
  const onSeed = ({ seed, findings, counts }: SeedReport): boolean => {
    totals.seeds += 1;
    totals.leaders += counts.leaders;
    totals.acks += counts.acks;
    if (findings.length > 0) failed.push(seed);
    return failed.length > 0;
  };
  await runSeeds({ from: 1, count: SEEDS, onSeed });
  expect(await failureOf(failed[0])).toBe('');
  expect(totals.seeds).toBe(SEEDS);
  // The faults do something: leadership changes hands, and yet almost everything is stored.
  expect(totals.leaders).toBeGreaterThan(1.5 * SEEDS);
  expect(totals.acks).toBeGreaterThan(100 * SEEDS);
}, 1_200_000);

test.each(keptSeeds())('seed $seed has not come back: $found', async ({ seed, setup }) => {
  const outcome = await simulate(seed, { change: () => setup });
  expect(outcome.findings).toEqual([]);
});
