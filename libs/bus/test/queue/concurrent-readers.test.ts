import { describe, expect, it } from 'vitest';
import { ConcurrentReaders } from '../../src/queue/concurrent-readers.ts';
import { nobody, QueueBench, text } from './support/bench.ts';

const long = { timeoutMs: 30_000, signal: undefined };

async function counted(max: number) {
  const bench = new QueueBench();
  const queue = await bench.queue({ maxConcurrentReaders: max, lockDurationMs: 10_000 });
  const leader = bench.node();
  leader.lead(1);
  await leader.enqueue(
    queue,
    Array.from({ length: 10 }, (_, at) => text(`${at}`)),
  );
  return { bench, queue, leader };
}

describe('a queue that limits its concurrent readers', () => {
  it('has no more messages under lock than that, and goes on as each is settled', async () => {
    const { bench, queue, leader } = await counted(2);
    const waiting = Array.from({ length: 5 }, () => leader.receive(queue, long));
    await bench.runtime.advance(1000);
    expect(await leader.stats(queue)).toMatchObject({ locked: 2 });
    for (const each of waiting) {
      const held = await bench.runtime.run(each);
      expect((await leader.stats(queue)).locked).toBeLessThanOrEqual(2);
      await bench.runtime.run(leader.acknowledge(queue, held?.lock?.id ?? ''));
    }
    expect(await leader.stats(queue)).toMatchObject({ depth: 5, locked: 0 });
  });

  it('lets the next in when a lock runs out, and not before, renewals counted', async () => {
    const { bench, queue, leader } = await counted(1);
    const held = await bench.runtime.run(leader.receive(queue, nobody));
    await bench.runtime.advance(8000);
    await bench.runtime.run(leader.renew(queue, held?.lock?.id ?? ''));
    const next = leader.receive(queue, long);
    await bench.runtime.advance(9900);
    expect(await leader.stats(queue)).toMatchObject({ locked: 1 });
    expect(await bench.runtime.run(next)).toBeDefined();
    expect(bench.runtime.monotonic()).toBeLessThan(18_500);
  });

  it('has nothing for whoever can not wait while all places are taken', async () => {
    const { bench, queue, leader } = await counted(1);
    await bench.runtime.run(leader.receive(queue, nobody));
    expect(await bench.runtime.run(leader.receive(queue, nobody))).toBeUndefined();
    expect(await bench.runtime.run(leader.receiveAndDelete(queue, nobody))).toBeUndefined();
  });

  it('does not take a place for what is received and deleted', async () => {
    const { bench, queue, leader } = await counted(1);
    for (let at = 0; at < 10; at += 1)
      expect(await bench.runtime.run(leader.receiveAndDelete(queue, nobody))).toBeDefined();
  });

  it('tells whoever waits for a place at once that the queue has been removed', async () => {
    const { bench, queue, leader } = await counted(1);
    await bench.runtime.run(leader.receive(queue, nobody));
    const waiting = [leader.receive(queue, long), leader.receiveAndDelete(queue, long)];
    const told = Promise.allSettled(waiting);
    await bench.runtime.advance(100);
    leader.gone(queue.queueId);
    for (const each of await bench.runtime.run(told))
      expect(each).toMatchObject({ reason: { code: 'gone' } });
    expect(bench.runtime.monotonic()).toBe(100);
    await expect(bench.runtime.run(leader.receive(queue, long))).rejects.toMatchObject({ code: 'gone' });
  });

  it('is served by the leader only', async () => {
    const { bench, queue } = await counted(1);
    await expect(bench.node().receive(queue, nobody)).rejects.toMatchObject({ code: 'not_leader' });
  });

  it('lets everybody who waits go with nothing when its node leads no longer', async () => {
    const { bench, queue, leader } = await counted(1);
    const taken = await bench.runtime.run(leader.receive(queue, nobody));
    const forPlaces = [leader.receive(queue, long), leader.receiveAndDelete(queue, long)];
    const empty = await bench.queue({ maxConcurrentReaders: 2 });
    const forMessages = [leader.receive(empty, long), leader.receiveAndDelete(empty, long)];
    await bench.runtime.advance(100);
    leader.follow();
    const given = await bench.runtime.run(Promise.all([...forPlaces, ...forMessages]));
    expect(given).toEqual([undefined, undefined, undefined, undefined]);
    expect(bench.runtime.monotonic()).toBe(100);
    await bench.runtime.run(leader.acknowledge(queue, taken?.lock?.id ?? ''));
    expect(await leader.stats(queue)).toMatchObject({ depth: 9, locked: 0 });
  });

  it('keeps to its limit when another node begins to lead', async () => {
    const { bench, queue, leader } = await counted(2);
    const held = [];
    for (let at = 0; at < 2; at += 1) held.push(await bench.runtime.run(leader.receive(queue, nobody)));
    const next = bench.node();
    next.lead(2);
    expect(await bench.runtime.run(next.receive(queue, nobody))).toBeUndefined();
    await expect(bench.runtime.run(leader.renew(queue, held[0]?.lock?.id ?? ''))).rejects.toMatchObject({
      code: 'not_leader',
    });
    await bench.runtime.run(next.acknowledge(queue, held[1]?.lock?.id ?? ''));
    expect(await bench.runtime.run(next.receive(queue, nobody))).toBeDefined();
    expect(await bench.runtime.run(next.receive(queue, nobody))).toBeUndefined();
    // The old one does not know yet; whatever it gives out now has to be refused by what the new one wrote.
    await bench.runtime.run(leader.acknowledge(queue, held[0]?.lock?.id ?? ''));
    await expect(bench.runtime.run(leader.receive(queue, nobody))).rejects.toMatchObject({
      code: 'not_leader',
    });
    await bench.runtime.advance(10_001);
    expect(await bench.runtime.run(next.receive(queue, nobody))).toBeDefined();
  });

  it('gives a message back whose lock could not be written down', async () => {
    const { bench, queue, leader } = await counted(1);
    let puts = 0;
    bench.fault = ({ operation, target }) =>
      operation === 'documents.put' && target.startsWith('queue-readers/') && ++puts > 1
        ? { kind: 'refuse', code: 'throttled' }
        : undefined;
    await expect(bench.runtime.run(leader.receive(queue, nobody))).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
    bench.fault = () => undefined;
    expect(await leader.stats(queue)).toMatchObject({ depth: 10, locked: 0 });
    expect(await bench.runtime.run(leader.receive(queue, nobody))).toMatchObject({ delivery: 1 });
  });

  it('counts a lock that could not be renewed, for as long as it holds', async () => {
    const { bench, queue, leader } = await counted(1);
    const held = await bench.runtime.run(leader.receive(queue, nobody));
    bench.fault = ({ operation, target }) =>
      operation === 'documents.put' && target.startsWith('queue-readers/')
        ? { kind: 'refuse', code: 'throttled' }
        : undefined;
    await expect(bench.runtime.run(leader.renew(queue, held?.lock?.id ?? ''))).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
    bench.fault = () => undefined;
    expect(await bench.runtime.run(leader.receive(queue, nobody))).toBeUndefined();
    await bench.runtime.run(leader.renew(queue, held?.lock?.id ?? ''));
  });

  it('lets no leader that was replaced make a lock longer than the next one knows', async () => {
    const { bench, queue, leader } = await counted(1);
    const held = await bench.runtime.run(leader.receive(queue, nobody));
    const next = bench.node();
    next.lead(2);
    await bench.runtime.advance(5000);
    expect(await bench.runtime.run(next.receive(queue, nobody))).toBeUndefined();
    await expect(bench.runtime.run(leader.renew(queue, held?.lock?.id ?? ''))).rejects.toMatchObject({
      code: 'not_leader',
    });
    await bench.runtime.advance(5001);
    await bench.runtime.run(next.receive(queue, long));
    expect(await next.stats(queue)).toMatchObject({ locked: 1 });
  });

  it('counts a lock renewed under a policy that has become shorter until its end, also under the next leader', async () => {
    const { bench, queue, leader } = await counted(1);
    const longer = { ...queue, policy: { ...queue.policy, lockDurationMs: 600_000 } };
    const held = await bench.runtime.run(leader.receive(longer, nobody));
    const until = await bench.runtime.run(leader.renew(queue, held?.lock?.id ?? ''));
    expect(until).toBe(held?.lock?.until);
    const next = bench.node();
    next.lead(2);
    await bench.runtime.advance(500_000);
    expect(await bench.runtime.run(next.receive(queue, nobody))).toBeUndefined();
    // What the storage says of the time since may be a second too much.
    await bench.runtime.advance(101_001);
    expect(await bench.runtime.run(next.receive(queue, nobody))).toBeDefined();
  });

  it('leaves the place of a lock that turns out to be lost', async () => {
    const { bench, queue, leader } = await counted(1);
    const held = await bench.runtime.run(leader.receive(queue, nobody));
    await bench.runtime.advance(11_000);
    await expect(bench.runtime.run(leader.renew(queue, held?.lock?.id ?? ''))).rejects.toMatchObject({
      code: 'lock_lost',
    });
    expect(await bench.runtime.run(leader.receive(queue, nobody))).toBeDefined();
  });

  it('takes for done what was done, though the leader can not write down that a place is free', async () => {
    const { bench, queue, leader } = await counted(1);
    const held = await bench.runtime.run(leader.receive(queue, nobody));
    const next = bench.node();
    next.lead(2);
    bench.fault = ({ operation, target }) =>
      operation === 'documents.put' && target.startsWith('queue-readers/')
        ? { kind: 'refuse', code: 'throttled' }
        : undefined;
    await bench.runtime.run(next.acknowledge(queue, held?.lock?.id ?? ''));
    expect(await next.stats(queue)).toMatchObject({ depth: 9 });
  });

  it('makes room for another that its leader has not looked after yet, and forgets no lock', async () => {
    const bench = new QueueBench();
    const { runtime, storage } = bench;
    const context = { ...storage, runtime, limits: bench.limits, ...bench.surroundings };
    const readers = new ConcurrentReaders(context, 1, 2);
    const lock = {
      until: runtime.now() + 10_000,
      delivery: 1,
      popReceipt: 'r',
      bodyId: undefined,
      lastsMs: undefined,
    };
    const queues = [await bench.queue(), await bench.queue(), await bench.queue()];
    for (const queue of queues) {
      const place = await runtime.run(readers.enter(queue, 1, nobody));
      await runtime.run(place?.lock({ ...lock, queueId: queue.queueId, messageId: 'm' }) ?? Promise.reject());
    }
    for (const queue of queues) expect(await runtime.run(readers.enter(queue, 1, nobody))).toBeUndefined();
  });
});
