import { describe, expect, it } from 'vitest';
import { TestListener } from './support/listener.ts';
import { numbered, World } from './support/world.ts';

describe('a router that gives every message to all', () => {
  it('hands what flows in to a stream, a queue and a webhook, in order where the target keeps one', async () => {
    const world = new World();
    const router = await world.router('app/jobs');
    const stream = await world.stream('app/log');
    const queue = await world.queue('app/audit');
    const pushed: string[] = [];
    world.webhooks.set('https://a.test', ({ message }) => {
      pushed.push(Buffer.from(message.value).toString());
      return { outcome: 'delivered' };
    });
    const leader = world.leader();
    await leader.subscribe(router, { target: { name: stream.name } });
    await leader.subscribe(router, { target: { name: queue.name } });
    await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
    for (let at = 0; at < 100; at += 10) await leader.publish(router, numbered(10, at));
    await world.settle();
    expect(await world.values(stream)).toEqual(numbered(100));
    expect(pushed).toEqual(numbered(100));
    expect((await world.drain(queue)).map(({ value }) => value).toSorted()).toEqual(numbered(100).toSorted());
    await leader.end();
  });

  it('tells a listener that comes as the router goes, however far back it wants to begin', async () => {
    const world = new World();
    const router = await world.router('app/jobs');
    const leader = world.leader();
    await leader.publish(router, numbered(3));
    const work = await world.run(leader.dispatcher.work(router));
    const late = new TestListener(world.uuid(), { from: { at: 'earliest' } });
    const attaching = work.attach(late);
    await world.run(Promise.all([attaching, leader.dispatcher.removed(router)]));
    await world.settle();
    expect(late.ends).toHaveLength(1);
    expect(late.offered).toEqual([]);
    await leader.end();
  });

  it('goes on behind what is kept no more for a listener that was too slow for it', async () => {
    const world = new World();
    const router = await world.router('app/jobs');
    const leader = world.leader({ writer: { segmentCommits: 1 } });
    const large = (value: string) => value.padEnd(400_000);
    for (const value of numbered(24)) await leader.publish(router, [large(value)]);
    const work = await world.run(leader.dispatcher.work(router));
    const slow = new TestListener(world.uuid(), { from: { at: 'earliest' } });
    slow.room = 1;
    slow.attachment = await world.run(work.attach(slow));
    await world.settle();
    const segments = await world.storage.pages.listSegments(router.container);
    for (const segment of segments.slice(0, 22))
      await world.storage.pages.deleteSegment({ container: router.container, segment });
    slow.room = Number.POSITIVE_INFINITY;
    slow.attachment?.room();
    await world.settle();
    const seen = slow.offered.map(({ value }) => Buffer.from(value).toString().trim());
    expect(seen.length).toBeLessThan(24);
    expect(seen.slice(-2)).toEqual(numbered(2, 22));
    await leader.end();
  });
});
