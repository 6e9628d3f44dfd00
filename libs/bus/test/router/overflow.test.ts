import type { Fault, StorageCall } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import { isRouterError } from '../../src/index.ts';
import { taking } from './support/taking.ts';
import { unanswered } from './support/unanswered.ts';
import { numbered, text, World } from './support/world.ts';

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

  it.each(['all', 'one'] as const)(
    'of a router %s is not sent to a stream again under other numbers: what it has not answered may be there',
    async (distribution) => {
      const world = new World();
      const policy = { distribution, maxQueueLength: 3, overflow: 'discard-existing' } as const;
      const router = await world.router('app/jobs', policy);
      const log = await world.stream('app/log');
      let answers = true;
      const fault = (call: StorageCall) => (answers ? undefined : unanswered(call, log));
      const leader = world.leader({ fault });
      await leader.subscribe(router, { target: { name: 'app/log' } });
      await leader.publish(router, ['m0']);
      await world.settle();
      answers = false;
      await leader.publish(router, numbered(5, 1));
      await world.settle(30_000);
      await leader.publish(router, numbered(2, 6));
      await world.settle(30_000);
      answers = true;
      await world.settle(120_000);
      const stored = await world.values(log);
      expect(stored).toEqual([...new Set(stored)]);
      expect(stored).toEqual(expect.arrayContaining(numbered(3, 5)));
      await leader.end();
    },
  );

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

  it.each(['all', 'one'] as const)(
    'of `%s`: nothing comes again for what was left out while it was on its way',
    async (distribution) => {
      const world = new World();
      const policy = { distribution, maxQueueLength: 5, overflow: 'discard-existing' } as const;
      const router = await world.router('app/jobs', policy);
      const leader = world.leader();
      const took: string[] = [];
      const answers: (() => void)[] = [];
      world.webhooks.set('https://a.test', ({ message }) => {
        took.push(Buffer.from(message.value).toString());
        return new Promise((resolve) => answers.push(() => resolve({ outcome: 'delivered' })));
      });
      await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
      await leader.publish(router, numbered(5));
      await leader.publish(router, numbered(3, 5));
      await world.settle();
      while (answers.length > 0) {
        for (const answer of answers.splice(0)) answer();
        await world.settle();
      }
      expect(took).toEqual([...new Set(took)]);
      expect(took).toContain('m7');
      await leader.end();
    },
  );

  it.each(['all', 'one'] as const)(
    'of `%s`: nothing is kept any more for a subscription that went while it was seen what to leave out',
    async (distribution) => {
      const world = new World();
      const policy = { distribution, maxQueueLength: 5, overflow: 'discard-existing' } as const;
      const router = await world.router('app/jobs', policy);
      let reads = true;
      const fault = ({ effect }: StorageCall): Fault | undefined =>
        reads || effect !== 'read' ? undefined : { kind: 'delay', beforeMs: 1000 };
      const leader = world.leader({ fault });
      const answers: (() => void)[] = [];
      world.webhooks.set('https://a.test', () => {
        return new Promise((resolve) => answers.push(() => resolve({ outcome: 'delivered' })));
      });
      const { id } = await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
      await leader.publish(router, numbered(5));
      await world.settle();
      reads = false;
      await leader.publish(router, numbered(3, 5));
      const work = await world.run(leader.dispatcher.work(router));
      const gone = work.unsubscribe(id);
      await world.settle(10_000);
      expect(answers).toHaveLength(5);
      for (const answer of answers) answer();
      await world.run(gone);
      await world.settle();
      expect(work.neededFrom()).toBe((await world.run(work.stats())).nextOffset);
      await leader.end();
    },
  );

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

  /** A router `one` to a queue that is full for now, which nobody else takes anything over from, and to a webhook. */
  async function halfStuck(overflow: 'discard-incoming' | 'discard-existing') {
    const world = new World();
    const router = await world.router('app/jobs', { distribution: 'one', maxQueueLength: 9, overflow });
    const queue = await world.queue('app/work', { maxQueueLength: 1 });
    const took = taking(world, 'https://a.test');
    const leader = world.leader();
    await world.run(world.queues(world.storage).enqueue(queue, [text('there')]));
    const { id } = await leader.subscribe(router, { target: { name: queue.name } });
    await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
    for (let at = 0; at < 60; at += 3) {
      await leader.publish(router, numbered(3, at));
      await world.settle(500);
    }
    return { world, router, queue, took, leader, id };
  }

  const isEarly = (value: string): boolean => Number(value.slice(1)) < 20;

  it.each([
    ['discard-incoming', true],
    ['discard-existing', false],
  ] as const)(
    'of a router `one` is what `%s` leaves, also under the next leader',
    async (overflow, early) => {
      const { world, router, queue, took, leader } = await halfStuck(overflow);
      await leader.end();
      world.names.set(queue.name, { ...queue, policy: { ...queue.policy, maxQueueLength: undefined } });
      const next = world.leader();
      await world.settle(60_000);
      const [, ...kept] = (await world.drain(queue)).map(({ value }) => value);
      expect(kept.length).toBeGreaterThan(0);
      expect(kept.length).toBeLessThan(10);
      expect(new Set(kept.map(isEarly))).toEqual(new Set([early]));
      expect(new Set([...kept, ...took]).size).toBe(kept.length + took.length);
      await next.publish(router, numbered(6, 60));
      await world.settle();
      const late = new Set([...took, ...(await world.drain(queue)).map(({ value }) => value)]);
      expect(numbered(6, 60).filter((value) => !late.has(value))).toEqual([]);
      await next.end();
    },
  );

  it('and what `discard-incoming` has left out for one is not for others when that one goes', async () => {
    const { world, router, took, leader, id } = await halfStuck('discard-incoming');
    const before = took.length;
    await world.run((await world.run(leader.dispatcher.work(router))).unsubscribe(id));
    await world.settle(60_000);
    // What may have been delivered is a dead letter.
    const letters = (await world.deadLetters(router)).map(({ value }) => value);
    const left = [...took.slice(before), ...letters];
    expect(left.length).toBeGreaterThan(0);
    expect(left.filter((value) => !isEarly(value))).toEqual([]);
    await leader.end();
  });
});
