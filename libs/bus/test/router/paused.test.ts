import { describe, expect, it } from 'vitest';
import { taking } from './support/taking.ts';
import { type Leader, numbered, World } from './support/world.ts';

/**
 * Two webhooks behind a router `one`: `any` wants everything and takes nothing for now, `some` wants the key s. Every
 * fourth message is for `any` alone, and there are `count` of them. Then `any` is paused.
 */
async function pausedWithBacklog(count: number) {
  const world = new World();
  const router = await world.router('app/jobs', { distribution: 'one' });
  const leader = world.leader();
  const later = { outcome: 'later', reason: 'not now', afterMs: 1000 } as const;
  const state = { isDown: true };
  const any = taking(world, 'https://any.test', () => (state.isDown ? later : { outcome: 'delivered' }));
  const some = taking(world, 'https://some.test');
  const { id } = await leader.subscribe(router, { target: { webhook: 'https://any.test' } });
  await leader.subscribe(router, { target: { webhook: 'https://some.test' }, filter: "key = 's'" });
  for (let at = 0; at < count; at += 4) {
    await leader.publish(router, [`m${at}`], { key: 'x' });
    await leader.publish(router, numbered(3, at + 1), { key: 's' });
  }
  await world.settle();
  state.isDown = false;
  const setState = async (by: Leader, to: 'active' | 'paused') =>
    await world.run((await world.run(by.dispatcher.work(router))).setState(id, to));
  await setState(leader, 'paused');
  await world.settle(60_000);
  return { world, router, leader, any, some, setState };
}

const isForAnyAlone = (value: string): boolean => Number(value.slice(1)) % 4 === 0;
const shared = (count: number): string[] => numbered(count).filter((value) => !isForAnyAlone(value));

describe('a paused subscription of a router that gives each message to one', () => {
  it.each([false, true])(
    'leaves to the others what they want, also behind what waits for it (another leader: %s)',
    async (another) => {
      const { world, leader, any, some, setState } = await pausedWithBacklog(80);
      expect(some.toSorted()).toEqual(shared(80).toSorted());
      if (another) await leader.end();
      const leads = another ? world.leader() : leader;
      await world.settle();
      expect(any).toEqual([]);
      await setState(leads, 'active');
      await world.settle(60_000);
      expect(any.toSorted()).toEqual(numbered(80).filter(isForAnyAlone).toSorted());
      expect(some.toSorted()).toEqual(shared(80).toSorted());
      await leads.end();
    },
  );

  it('holds up nothing that others leave behind', async () => {
    const { world, router, leader, some } = await pausedWithBacklog(8);
    world.webhooks.set('https://goes.test', () => ({ outcome: 'later', reason: 'not now', afterMs: 1000 }));
    const target = { webhook: 'https://goes.test' };
    const { id } = await leader.subscribe(router, { target, filter: "key = 's'" });
    await leader.publish(router, numbered(40, 8), { key: 's' });
    await world.settle();
    await world.run((await world.run(leader.dispatcher.work(router))).unsubscribe(id));
    await world.settle(60_000);
    expect(some).toEqual(expect.arrayContaining(numbered(40, 8)));
    await leader.end();
  });

  it('gets in the end what nobody else has had, however much that is', async () => {
    const { world, leader, any, some, setState } = await pausedWithBacklog(8000);
    // It is written down what went to others out of turn: not of any number.
    expect(some.length).toBeGreaterThan(2000);
    expect(some.length).toBeLessThan(6000);
    await setState(leader, 'active');
    await world.settle(300_000);
    expect([...any, ...some].toSorted()).toEqual(numbered(8000).toSorted());
    await leader.end();
  });
});

describe('a pause that is asked for twice', () => {
  it('is answered when it is saved, and not because somebody else waits for that already', async () => {
    const world = new World();
    const router = await world.router('app/jobs');
    const state = { isDown: false };
    const leader = world.leader({
      fault: ({ target }) =>
        state.isDown && target.startsWith('routers/') ? { kind: 'refuse', code: 'unavailable' } : undefined,
    });
    const took = taking(world, 'https://a.test');
    const { id } = await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
    const work = await world.run(leader.dispatcher.work(router));
    state.isDown = true;
    const answered: string[] = [];
    for (const who of ['first', 'second'])
      void work.setState(id, 'paused').then(
        () => answered.push(who),
        () => {},
      );
    await world.settle(10_000);
    expect(answered).toEqual([]);
    state.isDown = false;
    await world.settle(60_000);
    expect(answered.toSorted()).toEqual(['first', 'second']);
    await leader.publish(router, ['x']);
    await world.settle();
    expect(took).toEqual([]);
    await leader.end();
  });
});
