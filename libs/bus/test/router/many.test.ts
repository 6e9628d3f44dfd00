import { expect, it } from 'vitest';
import { taking } from './support/taking.ts';
import { numbered, World } from './support/world.ts';

it('a router with hundreds of subscribers saves its progress in one document, and does nothing at all while nothing comes in', async () => {
  const world = new World();
  const router = await world.router('app/jobs');
  const leader = world.leader();
  const took = Array.from({ length: 400 }, (_, index) => taking(world, `https://${index}.test`));
  for (const index of took.keys())
    await leader.subscribe(router, { target: { webhook: `https://${index}.test` } });
  await world.settle();
  const calls = (): number => leader.calls.length;
  const idle = calls();
  await world.settle(3_600_000);
  expect(calls() - idle).toBe(0);
  for (let at = 0; at < 50; at += 10) await leader.publish(router, numbered(10, at));
  await world.settle();
  for (const values of took) expect(values).toEqual(numbered(50));
  const since = leader.calls.slice(idle);
  expect(since.filter(({ operation }) => operation === 'documents.put').length).toBeLessThan(10);
  expect(since.filter(({ operation }) => operation === 'pages.readRange').length).toBeLessThan(60);
  await leader.end();
});
