import { expect, it } from 'vitest';
import { ByteBudget } from '../../src/queue/byte-budget.ts';

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Takes bytes, and tells when they were given. */
function taker(budget: ByteBudget, bytes: number) {
  const taken = { given: false, release: (): void => undefined };
  void budget.take(bytes).then((release) => {
    taken.given = true;
    taken.release = release;
  });
  return taken;
}

it('a budget of bytes gives what there is, first come, first served, and takes back once', async () => {
  const budget = new ByteBudget(100);
  const [first, second, third] = [taker(budget, 60), taker(budget, 60), taker(budget, 10)];
  await settled();
  expect([first.given, second.given, third.given]).toEqual([true, false, false]);
  first.release();
  first.release();
  await settled();
  expect([second.given, third.given]).toEqual([true, true]);
  const fourth = taker(budget, 40);
  await settled();
  expect(fourth.given).toBe(false);
});

it('a budget of bytes lets more than it has through when nothing else is held', async () => {
  const budget = new ByteBudget(100);
  const [small, huge] = [taker(budget, 1), taker(budget, 1000)];
  await settled();
  expect([small.given, huge.given]).toEqual([true, false]);
  small.release();
  await settled();
  expect(huge.given).toBe(true);
});
