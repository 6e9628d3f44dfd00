import { describe, expect, it } from 'vitest';
import { TestListener } from './support/listener.ts';
import { numbered, World } from './support/world.ts';

const READS = /\.(get|list|listSegments|readRange|properties|peek)$/;

describe('the stats of a router', () => {
  it('begin no work for one that nobody has subscribed to', async () => {
    const world = new World();
    const router = await world.router('app/jobs');
    const before = world.leader();
    await before.publish(router, numbered(3));
    await before.end();
    const leader = world.leader();
    const { nextOffset, ...stats } = await world.run(leader.dispatcher.stats(router));
    expect(stats).toEqual({
      subscriptions: 0,
      listeners: 0,
      nextSequenceNumber: 3,
      deadLettered: 0,
      maxLag: 0,
    });
    expect(nextOffset).toBeGreaterThan(0);
    expect(leader.calls.map(({ operation }) => operation).filter((each) => !READS.test(each))).toEqual([]);
    await leader.end();
  });

  it.each(['all', 'one'] as const)(
    'of %s count how far connected listeners are behind',
    async (distribution) => {
      const world = new World();
      const router = await world.router('app/jobs', { distribution });
      const leader = world.leader();
      const work = await world.run(leader.dispatcher.work(router));
      const slow = new TestListener(world.uuid());
      slow.room = 1;
      slow.attachment = await world.run(work.attach(slow));
      await leader.publish(router, numbered(5));
      await world.settle(1000);
      expect(await world.run(work.stats())).toMatchObject({ subscriptions: 0, listeners: 1, maxLag: 4 });
      slow.attachment.detach();
      await world.settle(60_000);
      expect(await world.run(work.stats())).toMatchObject({ listeners: 0, maxLag: 0 });
      await leader.end();
    },
  );
});
