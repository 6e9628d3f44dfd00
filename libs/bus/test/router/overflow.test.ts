import { describe, expect, it } from 'vitest';
import { isRouterError } from '../../src/index.ts';
import { taking } from './support/taking.ts';
import { numbered, World } from './support/world.ts';

async function paused(world: World, leader: ReturnType<World['leader']>, policy: object, target: object) {
  const router = await world.router('app/jobs', { maxQueueLength: 5, ...policy });
  const { id } = await leader.subscribe(router, { target: target as { webhook: string } });
  const work = await world.run(leader.dispatcher.work(router));
  await world.run(work.setState(id, 'paused'));
  return { router, work, id };
}

describe('as much as may wait for a subscriber', () => {
  it('and no more is taken in under `reject`, until there is room', async () => {
    const world = new World();
    const leader = world.leader();
    const took = taking(world, 'https://a.test');
    const { router, work, id } = await paused(
      world,
      leader,
      { overflow: 'reject' },
      { webhook: 'https://a.test' },
    );
    const refused = (): boolean => {
      try {
        leader.dispatcher.admit(router);
        return false;
      } catch (error) {
        return isRouterError(error, 'buffer_full');
      }
    };
    await leader.publish(router, numbered(4));
    await world.settle(100);
    expect(refused()).toBe(false);
    await leader.publish(router, ['m4']);
    await world.settle(100);
    expect(refused()).toBe(true);
    await world.run(work.setState(id, 'active'));
    await world.settle();
    expect({ took, refused: refused() }).toEqual({ took: numbered(5), refused: false });
    await leader.end();
  });

  it('stays within bounds by leaving out the oldest under `discard-existing`', async () => {
    const world = new World();
    const leader = world.leader();
    const stream = await world.stream('app/log');
    const { router, work, id } = await paused(
      world,
      leader,
      { overflow: 'discard-existing' },
      { name: 'app/log' },
    );
    for (let at = 0; at < 30; at += 3) {
      await leader.publish(router, numbered(3, at));
      await world.settle(500);
    }
    await world.run(work.setState(id, 'active'));
    await world.settle();
    expect(await world.values(stream)).toEqual(numbered(5, 25));
    await leader.end();
  });

  it('stays within bounds by leaving out the newest under `discard-incoming`, also under the next leader', async () => {
    const world = new World();
    const leader = world.leader();
    const stream = await world.stream('app/log');
    const { router, id } = await paused(world, leader, { overflow: 'discard-incoming' }, { name: 'app/log' });
    for (let at = 0; at < 30; at += 3) {
      await leader.publish(router, numbered(3, at));
      await world.settle(500);
    }
    await leader.end();
    const next = world.leader();
    await world.run((await world.run(next.dispatcher.work(router))).setState(id, 'active'));
    await world.settle();
    expect(await world.values(stream)).toEqual(numbered(5));
    await next.publish(router, numbered(3, 30));
    await world.settle();
    expect(await world.values(stream)).toEqual([...numbered(5), ...numbered(3, 30)]);
    await next.end();
  });
});
