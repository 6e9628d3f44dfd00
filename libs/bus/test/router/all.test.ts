import { describe, expect, it } from 'vitest';
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
});
