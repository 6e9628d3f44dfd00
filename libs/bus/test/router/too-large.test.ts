import { describe, expect, it } from 'vitest';
import { World } from './support/world.ts';

const BYTES = 4;
const VALUES = ['m0', 'too long', 'm1'];

describe.each(['all', 'one'] as const)(
  'a message of a router `%s` that is larger than a subscriber’s messages',
  (distribution) => {
    it('is a dead letter with the reason where that is a queue, and what follows is not held up', async () => {
      const world = new World();
      const router = await world.router('app/jobs', { distribution });
      const queue = await world.queue('app/work', { maxMessageSize: BYTES });
      const leader = world.leader();
      await leader.subscribe(router, { target: { name: queue.name } });
      await leader.publish(router, VALUES);
      await world.settle();
      expect((await world.drain(queue)).map(({ value }) => value).toSorted()).toEqual(['m0', 'm1']);
      expect(await world.deadLetters(router)).toMatchObject([
        { value: 'too long', reason: 'a message of this queue may have 4 bytes, not 8' },
      ]);
      await leader.end();
    });

    it('is taken where that is a stream, in its order: the limit is for what is published to it', async () => {
      const world = new World();
      const router = await world.router('app/jobs', { distribution });
      const stream = await world.stream('app/log', { maxMessageSize: BYTES });
      const leader = world.leader();
      await leader.subscribe(router, { target: { name: stream.name } });
      await leader.publish(router, VALUES);
      await world.settle();
      expect(await world.values(stream)).toEqual(VALUES);
      expect(await world.deadLetters(router)).toEqual([]);
      await leader.end();
    });
  },
);
