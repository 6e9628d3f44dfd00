import type { Fault, StorageCall } from '@message-vault/storage';
import { expect, it } from 'vitest';
import { taking } from './support/taking.ts';
import { unanswered } from './support/unanswered.ts';
import { numbered, World } from './support/world.ts';

/** So large that one read brings two of them. */
const large = (values: string[]): string[] => values.map((value) => value.padEnd(300_000));
const small = (values: string[]): string[] => values.map((value) => value.trim());

it('what a member has had stays its own when it goes back to where it left off, and another one comes right then', async () => {
  const world = new World();
  const policy = { distribution: 'one', maxQueueLength: 29, overflow: 'discard-existing' } as const;
  const router = await world.router('app/jobs', policy);
  let slowly = false;
  const fault = ({ target }: StorageCall): Fault | undefined =>
    slowly && target.startsWith('cursors/') ? { kind: 'delay', beforeMs: 100 } : undefined;
  const leader = world.leader({ fault });
  const first = taking(world, 'https://a.test', ({ message }) =>
    message.sequenceNumber === 0 ? { outcome: 'retry', reason: '500' } : { outcome: 'delivered' },
  );
  const second = taking(world, 'https://b.test');
  await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
  for (const value of large(numbered(29))) await leader.publish(router, [value]);
  // What was read is not kept for as long.
  await world.settle(2500);
  slowly = true;
  // Too much waits behind the message that is not taken: it is left out, and who wanted it begins anew behind it.
  await leader.publish(router, large(numbered(1, 29)));
  await world.settle(20);
  await leader.subscribe(router, { target: { webhook: 'https://b.test' } });
  await world.settle(20_000);
  const had = new Set(small(first));
  expect([...had]).toEqual(expect.arrayContaining(numbered(28, 1)));
  expect(small(second).filter((value) => had.has(value))).toEqual([]);
  expect([...had, ...small(second)].toSorted()).toEqual(numbered(29, 1).toSorted());
  await leader.end();
});

it('what was sent to a stream stays its own while nobody knows whether it is there, and another member comes right then', async () => {
  const world = new World();
  const router = await world.router('app/jobs', { distribution: 'one' });
  const log = await world.stream('app/log');
  let answers = true;
  const fault = (call: StorageCall) => (answers ? undefined : unanswered(call, log));
  const leader = world.leader({ fault });
  await leader.subscribe(router, { target: { name: 'app/log' } });
  await leader.publish(router, ['m0']);
  await world.settle();
  answers = false;
  await leader.publish(router, numbered(20, 1));
  await world.settle(30_000);
  const took = taking(world, 'https://a.test');
  await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
  await world.settle(1000);
  answers = true;
  await world.settle(120_000);
  const stored = await world.values(log);
  expect(took.filter((value) => stored.includes(value))).toEqual([]);
  expect([...stored, ...took].toSorted()).toEqual(numbered(21).toSorted());
  await leader.publish(router, numbered(20, 21));
  await world.settle();
  expect([...(await world.values(log)), ...took].toSorted()).toEqual(numbered(41).toSorted());
  expect(took.length).toBeGreaterThan(0);
  await leader.end();
});

it('what was meant for a member that goes comes to the others, also while nobody knows what a stream among them has', async () => {
  const world = new World();
  const router = await world.router('app/jobs', { distribution: 'one' });
  const log = await world.stream('app/log');
  let answers = true;
  let isDown = false;
  const fault = (call: StorageCall) => (answers ? undefined : unanswered(call, log));
  const leader = world.leader({ fault });
  const took = taking(world, 'https://a.test', () =>
    isDown ? { outcome: 'later', reason: 'not now', afterMs: 5000 } : { outcome: 'delivered' },
  );
  await leader.subscribe(router, { target: { name: 'app/log' } });
  const goes = await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
  await leader.publish(router, numbered(20));
  await world.settle();
  isDown = true;
  // More than the webhook is read ahead for.
  await leader.publish(router, numbered(600, 20));
  await world.settle();
  answers = false;
  await leader.publish(router, numbered(600, 620));
  await world.settle(30_000);
  await world.run((await world.run(leader.dispatcher.work(router))).unsubscribe(goes.id));
  await world.settle(1000);
  answers = true;
  await world.settle(300_000);
  const stored = await world.values(log);
  const letters = (await world.deadLetters(router)).map(({ value }) => value);
  expect([...stored, ...took, ...letters].toSorted()).toEqual(numbered(1220).toSorted());
  await leader.end();
});
