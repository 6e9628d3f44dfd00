import { describe, expect, it } from 'vitest';
import { TestListener } from './support/listener.ts';
import { taking } from './support/taking.ts';
import { numbered, World } from './support/world.ts';

async function attach(
  world: World,
  leader: ReturnType<World['leader']>,
  router: Parameters<typeof leader.publish>[0],
  listener: TestListener,
) {
  if (router.role !== 'router') throw new Error('a router');
  const work = await world.run(leader.dispatcher.work(router));
  listener.attachment = await world.run(work.attach(listener));
}

/** Two listeners, of which the first acknowledges nothing, and 40 messages published to them. */
async function withOneWhoAcknowledgesNothing() {
  const world = new World();
  const router = await world.router('app/jobs', { distribution: 'one' });
  const leader = world.leader();
  const silent = new TestListener(world.uuid());
  const other = new TestListener(world.uuid());
  silent.acknowledges = false;
  await attach(world, leader, router, silent);
  await attach(world, leader, router, other);
  await leader.publish(router, numbered(40));
  return { world, router, leader, silent, other };
}

describe('a router that gives each message to one', () => {
  it('spreads messages over queues, streams and webhooks, each message to exactly one', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { distribution: 'one' });
    const stream = await world.stream('app/log');
    const queue = await world.queue('app/work');
    const took = taking(world, 'https://a.test');
    const leader = world.leader();
    for (const target of [{ name: stream.name }, { name: queue.name }, { webhook: 'https://a.test' }])
      await leader.subscribe(router, { target });
    for (let at = 0; at < 300; at += 30) await leader.publish(router, numbered(30, at));
    await world.settle();
    const inStream = await world.values(stream);
    const inQueue = (await world.drain(queue)).map(({ value }) => value);
    expect([...inStream, ...inQueue, ...took].toSorted()).toEqual(numbered(300).toSorted());
    for (const part of [inStream, inQueue, took]) expect(part.length).toBeGreaterThan(60);
    await leader.end();
  });

  it('holds what comes while nobody is there, for whoever comes first', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { distribution: 'one' });
    const leader = world.leader();
    await leader.publish(router, numbered(5));
    const took = taking(world, 'https://a.test');
    const { id } = await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
    await world.settle();
    expect(took).toEqual(numbered(5));
    await world.run((await world.run(leader.dispatcher.work(router))).unsubscribe(id));
    await leader.publish(router, numbered(5, 5));
    await world.settle();
    const second = taking(world, 'https://b.test');
    await leader.subscribe(router, { target: { webhook: 'https://b.test' } });
    await world.settle();
    expect({ took, second }).toEqual({ took: numbered(5), second: numbered(5, 5) });
    await leader.end();
  });

  it('gives what one webhook refuses to take to another', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { distribution: 'one' });
    const leader = world.leader();
    const took = taking(world, 'https://a.test');
    taking(world, 'https://b.test', () => ({ outcome: 'retry', reason: '500' }));
    const bad = await leader.subscribe(router, { target: { webhook: 'https://b.test' } });
    await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
    await leader.publish(router, numbered(50));
    await world.settle(5000);
    expect(took.toSorted()).toEqual(numbered(50).toSorted());
    expect(await leader.view(router, bad.id)).toMatchObject({
      state: 'failing',
      lastError: { reason: '500' },
    });
    await leader.end();
  });

  it('leaves one that fails out for longer each time, and not for as often as pushes failed at once', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { distribution: 'one' });
    const leader = world.leader();
    taking(world, 'https://a.test');
    let failed = 0;
    taking(world, 'https://b.test', () => {
      failed += 1;
      return { outcome: 'retry', reason: '500' };
    });
    await leader.subscribe(router, { target: { webhook: 'https://b.test' } });
    await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
    for (const leftOutMs of [10_000, 20_000, 40_000]) {
      failed = 0;
      await leader.publish(router, numbered(50));
      await world.settle(1000);
      expect(failed).toBeGreaterThanOrEqual(3);
      await world.settle(leftOutMs);
    }
    await leader.end();
  });

  it('gives what a listener did not acknowledge to others once it has been gone for a while, and never before', async () => {
    const { world, leader, silent: a, other: b } = await withOneWhoAcknowledgesNothing();
    await world.settle(1000);
    const unkept = a.offered.map(({ value }) => Buffer.from(value).toString());
    expect(unkept.length).toBeGreaterThan(5);
    expect([...unkept, ...b.kept].toSorted()).toEqual(numbered(40).toSorted());
    a.attachment?.detach();
    await world.settle(5000);
    expect(b.kept).toHaveLength(40 - unkept.length);
    await world.settle(20_000);
    expect(b.kept.toSorted()).toEqual(numbered(40).toSorted());
    await leader.end();
  });

  it('lets go of a listener that takes messages and acknowledges none, and gives them to others', async () => {
    const { world, leader, silent: hung, other: b } = await withOneWhoAcknowledgesNothing();
    await world.settle(60_000);
    expect(hung.ends).toEqual(['too_slow']);
    expect(b.kept.toSorted()).toEqual(numbered(40).toSorted());
    hung.attachment?.acknowledge(hung.offered[0]?.offset ?? -1);
    await world.settle();
    expect(hung.kept).toEqual([]);
    await leader.end();
  });

  it('tells a listener once that its acknowledgement is kept, also one that has acknowledged twice', async () => {
    const { world, leader, silent, other } = await withOneWhoAcknowledgesNothing();
    await world.settle(1000);
    const unkept = silent.offered.map(({ value }) => Buffer.from(value).toString());
    for (const { offset } of [...silent.offered, ...silent.offered]) silent.attachment?.acknowledge(offset);
    await world.settle();
    expect(silent.kept.toSorted()).toEqual(unkept.toSorted());
    expect([...silent.kept, ...other.kept].toSorted()).toEqual(numbered(40).toSorted());
    await leader.end();
  });

  it('passes over what the filters of all that are there leave out', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { distribution: 'one' });
    const leader = world.leader();
    const took = ['a', 'b'].map((key) => ({ key, values: taking(world, `https://${key}.test`) }));
    for (const { key } of took)
      await leader.subscribe(router, {
        target: { webhook: `https://${key}.test` },
        filter: `key = '${key}'`,
      });
    for (const key of ['a', 'b', 'c', 'a']) await leader.publish(router, [`for ${key}`], { key });
    await world.settle();
    expect(took.map(({ values }) => values)).toEqual([['for a', 'for a'], ['for b']]);
    await leader.end();
  });

  it('never passes over what only a webhook wants that fails again and again', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { distribution: 'one', pushDeliveryRetries: 20 });
    const leader = world.leader();
    let isDown = true;
    const failing = taking(world, 'https://a.test', () =>
      isDown ? { outcome: 'retry', reason: '500' } : { outcome: 'delivered' },
    );
    const other = taking(world, 'https://b.test');
    const filters = { a: "key in ('both', 'a')", b: "key = 'both'" };
    for (const [host, filter] of Object.entries(filters))
      await leader.subscribe(router, { target: { webhook: `https://${host}.test` }, filter });
    await leader.publish(router, numbered(20), { key: 'both' });
    await world.settle(1000);
    await leader.publish(router, numbered(20, 20), { key: 'a' });
    await world.settle(1000);
    isDown = false;
    await world.settle(60_000);
    expect(other.toSorted()).toEqual(numbered(20).toSorted());
    expect(failing.toSorted()).toEqual(numbered(20, 20).toSorted());
    await leader.end();
  });

  it('gives a listener that comes back in time the messages it had', async () => {
    const { world, router, leader, silent: a, other: b } = await withOneWhoAcknowledgesNothing();
    await world.settle(1000);
    a.attachment?.detach();
    await world.settle(3000);
    const again = new TestListener(a.id);
    await attach(world, leader, router, again);
    await world.settle(30_000);
    expect(again.kept.length).toBe(a.offered.length);
    expect([...again.kept, ...b.kept].toSorted()).toEqual(numbered(40).toSorted());
    await leader.end();
  });

  it('waits for a webhook that wants no more for a while, however often others could not take a message', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { distribution: 'one', pushDeliveryRetries: 2 });
    const leader = world.leader();
    let busyUntil = Number.POSITIVE_INFINITY;
    const took = taking(world, 'https://a.test', () => {
      const afterMs = busyUntil - world.runtime.monotonic();
      return afterMs > 0
        ? { outcome: 'later', reason: 'the target wants no more yet', afterMs: 15_000 }
        : { outcome: 'delivered' };
    });
    taking(world, 'https://b.test', () => ({ outcome: 'retry', reason: '500' }));
    await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
    const bad = await leader.subscribe(router, { target: { webhook: 'https://b.test' } });
    await leader.publish(router, numbered(20));
    await world.settle(1000);
    await world.run((await world.run(leader.dispatcher.work(router))).unsubscribe(bad.id));
    await world.settle(300_000);
    busyUntil = 0;
    await world.settle(60_000);
    expect(took.toSorted()).toEqual(numbered(20).toSorted());
    expect(await world.deadLetters(router)).toEqual([]);
    await leader.end();
  });

  it('ends a subscription whose webhook answers that it is gone to what another could not take', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { distribution: 'one' });
    const leader = world.leader();
    taking(world, 'https://bad.test', () => ({ outcome: 'retry', reason: '500' }));
    taking(world, 'https://gone.test', () => ({ outcome: 'gone', reason: 'answered 410' }));
    const took = taking(world, 'https://good.test');
    await leader.subscribe(router, { target: { webhook: 'https://bad.test' }, filter: "key = 'for bad'" });
    await leader.publish(router, numbered(5), { key: 'for bad' });
    const gone = await leader.subscribe(router, { target: { webhook: 'https://gone.test' } });
    await world.settle(60_000);
    expect(await leader.view(router, gone.id)).toMatchObject({ state: 'ended' });
    await leader.subscribe(router, { target: { webhook: 'https://good.test' } });
    await world.settle(600_000);
    expect(took.toSorted()).toEqual(numbered(5).toSorted());
    await leader.end();
  });
});
