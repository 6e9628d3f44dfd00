import { expect, test } from 'vitest';
import { simulate } from '../src/run/simulate.ts';

test('a seed run twice does the same, bit for bit, and nothing is wrong with it', async () => {
  const once = await simulate(1);
  const again = await simulate(1);
  expect(again.digest).toBe(once.digest);
  expect(once.findings).toEqual([]);
  expect(once.counts.acks).toBeGreaterThan(50);
});
