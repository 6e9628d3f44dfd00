import { expect, test } from 'vitest';
import { Permits } from '../src/permits.ts';

test('no more are in at once than there are places, and they get in in the order they came', async () => {
  const permits = new Permits(3);
  const entered: number[] = [];
  let inside = 0;
  let most = 0;
  const visit = async (visitor: number): Promise<void> => {
    const permit = await permits.take();
    entered.push(visitor);
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
    permit.release();
  };
  const visitors = Array.from({ length: 20 }, (_, visitor) => visitor);
  await Promise.all(visitors.map(visit));
  expect(most).toBe(3);
  expect(entered).toEqual(visitors);
});
