import { describe, expect, it } from 'vitest';
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
});
