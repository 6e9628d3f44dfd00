import { describe, expect, it } from 'vitest';
import { nobody, QueueBench, text } from './support/bench.ts';
import { oneLocked, take } from './support/locked.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

async function pathsLeft({ storage }: QueueBench, prefix: string): Promise<string[]> {
  return (await storage.documents.list(prefix)).paths;
}

describe('a renewal that was written down', () => {
  it.each([2 * HOUR_MS, 9 * DAY_MS])(
    'stays while the lock holds, though the clock of the leader is %i ms ahead',
    async (aheadMs) => {
      const { bench, queue, node, held } = await oneLocked();
      await bench.runtime.run(node.renew(queue, held.lock.id));
      await bench.runtime.run(bench.node({ aheadMs }).tidyLocks());
      await bench.runtime.run(bench.node().acknowledge(queue, held.lock.id));
      expect(await node.stats(queue)).toMatchObject({ depth: 0 });
    },
  );

  it('stays while a long lock holds, whose end was written down by a clock that was behind', async () => {
    const { bench, queue, held } = await oneLocked({ lockDurationMs: 3 * HOUR_MS });
    const behind = () => bench.node({ aheadMs: -DAY_MS });
    await bench.runtime.run(behind().renew(queue, held.lock.id));
    await bench.runtime.advance(2 * HOUR_MS);
    await bench.runtime.run(bench.node().tidyLocks());
    await bench.runtime.run(behind().acknowledge(queue, held.lock.id));
  });

  it.each([-DAY_MS, 0, DAY_MS])(
    'goes when its lock is long over, though the clock of the leader is %i ms ahead',
    async (aheadMs) => {
      const { bench, queue, node, held } = await oneLocked();
      await bench.runtime.run(node.renew(queue, held.lock.id));
      const leader = bench.node({ aheadMs });
      await bench.runtime.advance(HOUR_MS);
      await bench.runtime.run(leader.tidyLocks());
      expect(await pathsLeft(bench, 'queue-locks/')).toHaveLength(1);
      await bench.runtime.advance(10_001);
      await bench.runtime.run(leader.tidyLocks());
      expect(await pathsLeft(bench, 'queue-locks/')).toEqual([]);
    },
  );

  it('goes only after the longest lock there is when a node of an earlier version wrote it down', async () => {
    const { bench, node } = await oneLocked();
    const renewal = { version: 1, popReceipt: 'r', until: bench.runtime.now() + 10_000, count: 1 };
    const path = 'queue-locks/00000000-0000-0000-0000-000000000000/of-before';
    await bench.storage.documents.put(path, Buffer.from(JSON.stringify(renewal)), { ifAbsent: true });
    await bench.runtime.advance(7 * DAY_MS);
    await bench.runtime.run(node.tidyLocks());
    expect(await pathsLeft(bench, 'queue-locks/')).toEqual([path]);
    await bench.runtime.advance(HOUR_MS + 1);
    await bench.runtime.run(node.tidyLocks());
    expect(await pathsLeft(bench, 'queue-locks/')).toEqual([]);
  });
});

/** A message whose dead-lettering was asked of a node that could not get hold of it: the wish for it stands. */
async function oneWished() {
  const { bench, queue, node, held } = await oneLocked();
  bench.fault = ({ operation }) =>
    operation === 'queues.receive' ? { kind: 'refuse', code: 'unavailable' } : undefined;
  await bench.runtime
    .run(bench.node().deadLetterLocked(queue, held.lock.id, 'no such customer'))
    .catch(() => {});
  bench.fault = () => undefined;
  expect(await pathsLeft(bench, 'queue-given-up/')).toHaveLength(1);
  return { bench, queue, node };
}

describe('a wish to dead-letter that was written down', () => {
  it.each([
    ['the clock of the leader is 9 days ahead', 9 * DAY_MS, 0],
    ['nobody has come for the message for 9 days', 0, 9 * DAY_MS],
  ])('stays until it is fulfilled, though %s', async (_, aheadMs, passedMs) => {
    const { bench, queue, node } = await oneWished();
    await bench.runtime.advance(passedMs);
    await bench.runtime.run(bench.node({ aheadMs }).tidyLocks());
    expect(await bench.runtime.run(node.receive(queue, nobody))).toBeUndefined();
    expect(await node.stats(queue)).toMatchObject({ depth: 0, deadLettered: 1 });
    expect(await pathsLeft(bench, 'queue-given-up/')).toEqual([]);
  });

  it.each(['is empty', 'is gone'])('goes an hour later when its queue %s', async (how) => {
    const { bench, queue, node } = await oneWished();
    if (how === 'is gone') await bench.storage.queues.deleteQueue(queue.queue);
    else {
      const [message] = await bench.storage.queues.receive(queue.queue, {
        max: 1,
        visibilityTimeoutMs: 1000,
      });
      if (message !== undefined) await bench.storage.queues.delete(queue.queue, message);
    }
    await bench.runtime.run(node.tidyLocks());
    expect(await pathsLeft(bench, 'queue-given-up/')).toHaveLength(1);
    await bench.runtime.advance(HOUR_MS + 1);
    await bench.runtime.run(bench.node({ aheadMs: -DAY_MS }).tidyLocks());
    expect(await pathsLeft(bench, 'queue-given-up/')).toEqual([]);
  });

  it('goes after eight days when a node of an earlier version wrote it down, and did not say of which queue', async () => {
    const { bench, node } = await oneLocked();
    const wish = { version: 1, reason: 'no such customer', at: bench.runtime.now() };
    const path = 'queue-given-up/00000000-0000-0000-0000-000000000000/of-before';
    await bench.storage.documents.put(path, Buffer.from(JSON.stringify(wish)), { ifAbsent: true });
    await bench.runtime.run(bench.node({ aheadMs: 9 * DAY_MS }).tidyLocks());
    expect(await pathsLeft(bench, 'queue-given-up/')).toEqual([path]);
    await bench.runtime.advance(8 * DAY_MS + 1);
    await bench.runtime.run(node.tidyLocks());
    expect(await pathsLeft(bench, 'queue-given-up/')).toEqual([]);
  });
});

/** A queue for one reader at a time, with two messages, one of them given out by a leader whose clock may be wrong. */
async function oneReading(aheadMs: number | (() => number)) {
  const bench = new QueueBench();
  const queue = await bench.queue({ maxConcurrentReaders: 1, lockDurationMs: 10_000 });
  const leader = bench.node({ aheadMs });
  leader.lead(1);
  await leader.enqueue(queue, [text('one'), text('two')]);
  await take(bench, leader.receive(queue, nobody));
  const comes = async (node = leader) => (await bench.runtime.run(node.receive(queue, nobody))) !== undefined;
  return { bench, queue, leader, comes };
}

describe('a place among the readers of a queue', () => {
  it.each([-9 * DAY_MS, -2 * HOUR_MS, 2 * HOUR_MS, 9 * DAY_MS])(
    'is taken for one lock time under the next leader, though the clock of the one before was %i ms ahead',
    async (aheadMs) => {
      const { bench, comes } = await oneReading(aheadMs);
      await bench.runtime.advance(4000);
      const next = bench.node();
      next.lead(2);
      expect(await comes(next)).toBe(false);
      await bench.runtime.advance(5900);
      expect(await comes(next)).toBe(false);
      // What the storage says of the time since may be a second too much.
      await bench.runtime.advance(1200);
      expect(await comes(next)).toBe(true);
    },
  );

  it.each([-DAY_MS, DAY_MS])(
    'is taken for one lock time though the clock of the leader is put by %i ms meanwhile',
    async (jumpMs) => {
      let aheadMs = 0;
      const { bench, comes } = await oneReading(() => aheadMs);
      aheadMs = jumpMs;
      await bench.runtime.advance(9900);
      expect(await comes()).toBe(false);
      await bench.runtime.advance(200);
      expect(await comes()).toBe(true);
    },
  );

  it('is taken for one lock time though the clock was put back before the next leader came', async () => {
    let aheadMs = 9 * DAY_MS;
    const { bench, queue, leader } = await oneReading(() => aheadMs);
    const two = { ...queue, policy: { ...queue.policy, maxConcurrentReaders: 2 } };
    aheadMs = 0;
    await take(bench, leader.receive(two, nobody));
    const next = bench.node();
    next.lead(2);
    expect(await bench.runtime.run(next.receive(two, nobody))).toBeUndefined();
    await bench.runtime.advance(11_100);
    for (let at = 0; at < 2; at += 1) await take(bench, next.receive(two, nobody));
  });

  it('is taken for no longer than a lock can be, by what a leader of an earlier version wrote down', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue({ maxConcurrentReaders: 1, lockDurationMs: 10_000 });
    const body = { version: 1, epoch: 1, locks: { of: bench.runtime.now() + 365 * DAY_MS } };
    const path = `queue-readers/${queue.queueId}`;
    await bench.storage.documents.put(path, Buffer.from(JSON.stringify(body)), { ifAbsent: true });
    const next = bench.node();
    next.lead(2);
    await next.enqueue(queue, [text('one')]);
    await bench.runtime.advance(DAY_MS);
    expect(await bench.runtime.run(next.receive(queue, nobody))).toBeUndefined();
    await bench.runtime.advance(6 * DAY_MS + 2 * 60_000);
    expect(await bench.runtime.run(next.receive(queue, nobody))).toBeDefined();
  });
});
