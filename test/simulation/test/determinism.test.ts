import { expect, test } from 'vitest';
import type { SeedReport } from '../src/many/messages.ts';
import { runSeeds } from '../src/many/pool.ts';
import { simulate } from '../src/run/simulate.ts';

const SEEDS = 8;

test('a seed does the same every time, bit for bit, in this process and in others', async () => {
  const elsewhere = new Map<number, string>();
  const onSeed = ({ seed, digest }: SeedReport): boolean => elsewhere.set(seed, digest).size > SEEDS;
  await runSeeds({ from: 1, count: SEEDS, onSeed });
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const once = await simulate(seed);
    const again = await simulate(seed, { keepTrace: true });
    expect([seed, again.digest]).toEqual([seed, once.digest]);
    expect([seed, elsewhere.get(seed)]).toEqual([seed, once.digest]);
    expect(again.trace).toHaveLength(once.counts.events);
  }
}, 60_000);

test('different seeds do different things', async () => {
  const digests = [];
  for (let seed = 100; seed < 104; seed += 1) digests.push((await simulate(seed)).digest);
  expect(new Set(digests).size).toBe(4);
}, 60_000);
