import { expect, test } from 'vitest';
import type { SeedReport } from '../src/many/messages.ts';
import { runSeeds } from '../src/many/pool.ts';
import { describeFailure } from '../src/many/report.ts';
import { shrink } from '../src/many/shrink.ts';
import { simulate } from '../src/run/simulate.ts';

const SEEDS = 150;
const profile = 'bus';

/** Empty when nothing is wrong, otherwise all that is needed to see the failure again. */
async function failureOf(seed: number | undefined): Promise<string> {
  if (seed === undefined) return '';
  const failed = await simulate(seed, { keepTrace: true, profile });
  return describeFailure(await shrink(failed, undefined), { whole: false });
}

test(`nothing is wrong with routers, queues and names in any of ${SEEDS} clusters that everything goes wrong for`, async () => {
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
  await runSeeds({ from: 1, count: SEEDS, profile, onSeed });
  expect(await failureOf(failed[0])).toBe('');
  expect(totals.seeds).toBe(SEEDS);
  // The faults do something, and the bus goes on all the same.
  expect(totals.leaders).toBeGreaterThan(1.5 * SEEDS);
  expect(totals.acks).toBeGreaterThan(100 * SEEDS);
  expect(totals.locks).toBeGreaterThan(100 * SEEDS);
  expect(totals.policies).toBeGreaterThan(5 * SEEDS);
}, 1_200_000);

test('a seed of the bus does the same every time, bit for bit', async () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const once = await simulate(seed, { profile });
    const again = await simulate(seed, { profile, keepTrace: true });
    expect([seed, again.digest]).toEqual([seed, once.digest]);
  }
}, 120_000);
