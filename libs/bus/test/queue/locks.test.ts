import { deadLetterOf } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { nobody, QueueBench, text, textOf } from './support/bench.ts';
import { oneLocked, take } from './support/locked.ts';

const DAY_MS = 24 * 3_600_000;
const lost = expect.objectContaining({ code: 'lock_lost' });

describe('a lock', () => {
  it('keeps a message from everybody else until it is acknowledged, and then it is gone', async () => {
    const { bench, queue, node, held } = await oneLocked();
    const { runtime } = bench;
    expect(textOf(held)).toBe('job');
    expect(held).toMatchObject({ delivery: 1, deadLetter: undefined, redrives: 0 });
    expect(held.lock.until - runtime.now()).toBe(10_000);
    expect(await runtime.run(node.receive(queue, nobody))).toBeUndefined();
    await runtime.run(node.acknowledge(queue, held.lock.id));
    await runtime.advance(60_000);
    expect(await runtime.run(node.receive(queue, nobody))).toBeUndefined();
    expect(await node.stats(queue)).toEqual({ depth: 0, locked: 0, deadLettered: 0, oldestAgeMs: undefined });
  });

  it('is acknowledged at any other node', async () => {
    const { bench, queue, held } = await oneLocked();
    await bench.runtime.run(bench.node().acknowledge(queue, held.lock.id));
    expect(await bench.node().stats(queue)).toMatchObject({ depth: 0 });
  });

  it('that is over is refused although storage would still take the receipt, and the message comes back', async () => {
    const { bench, queue, node, held } = await oneLocked();
    await bench.runtime.advance(10_000);
    await expect(bench.runtime.run(node.acknowledge(queue, held.lock.id))).rejects.toEqual(lost);
    const again = await take(bench, node.receive(queue, nobody));
    expect(again).toMatchObject({ id: held.id, delivery: 2 });
    await expect(bench.runtime.run(node.acknowledge(queue, held.lock.id))).rejects.toEqual(lost);
    await bench.runtime.run(node.acknowledge(queue, again.lock.id));
  });

  it('of a consumer that died with its node comes back at another node', async () => {
    const { bench, queue, node, held } = await oneLocked();
    await node.close();
    const waiting = bench.node().receive(queue, { timeoutMs: 30_000, signal: undefined });
    const before = bench.runtime.monotonic();
    expect(await take(bench, waiting)).toMatchObject({ id: held.id, delivery: 2 });
    expect(bench.runtime.monotonic() - before).toBeLessThanOrEqual(11_500);
  });

  it('can be used once', async () => {
    const { bench, queue, node, held } = await oneLocked();
    await bench.runtime.run(node.acknowledge(queue, held.lock.id));
    const more = [
      () => node.acknowledge(queue, held.lock.id),
      () => node.giveBack(queue, held.lock.id),
      () => node.renew(queue, held.lock.id),
    ];
    for (const again of more) await expect(bench.runtime.run<unknown>(again())).rejects.toEqual(lost);
  });

  it.each<[string, (id: string) => string]>([
    ['made up', () => 'bm8gbG9jayBvZiBvdXJz'],
    ['empty', () => ''],
    ['no base64', () => '*'.repeat(200)],
    ['very long', () => 'A'.repeat(100_000)],
    ['changed in one character', (id) => id.slice(0, 60) + (id[60] === 'A' ? 'B' : 'A') + id.slice(61)],
    ['cut', (id) => id.slice(0, -4)],
    ['longer', (id) => `${id}AAAA`],
    ['spelled with padding', (id) => `${id}=`],
  ])('whose id is %s is refused', async (_, change) => {
    const { bench, queue, node, held } = await oneLocked();
    await expect(bench.runtime.run(node.acknowledge(queue, change(held.lock.id)))).rejects.toEqual(lost);
    await bench.runtime.run(node.acknowledge(queue, held.lock.id));
  });

  it('of one queue is refused at another', async () => {
    const { bench, queue, node, held } = await oneLocked();
    const other = await bench.queue();
    await expect(bench.runtime.run(node.acknowledge(other, held.lock.id))).rejects.toEqual(lost);
    await expect(bench.runtime.run(node.acknowledge(deadLetterOf(queue), held.lock.id))).rejects.toEqual(
      lost,
    );
  });

  it('of another cluster is refused', async () => {
    const { bench, held } = await oneLocked();
    const elsewhere = new QueueBench();
    const queue = await elsewhere.queue();
    await expect(elsewhere.runtime.run(elsewhere.node().acknowledge(queue, held.lock.id))).rejects.toEqual(
      lost,
    );
    expect(bench.count('queues.delete')).toBe(0);
  });

  it('that is given back lets others have the message at once, or after the delay', async () => {
    const { bench, queue, node, held } = await oneLocked();
    await bench.runtime.run(node.giveBack(queue, held.lock.id));
    const again = await take(bench, node.receive(queue, nobody));
    expect(again.delivery).toBe(2);
    await bench.runtime.run(bench.node().giveBack(queue, again.lock.id, 5000));
    expect(await bench.runtime.run(node.receive(queue, nobody))).toBeUndefined();
    await bench.runtime.advance(5000);
    expect(await bench.runtime.run(node.receive(queue, nobody))).toMatchObject({ delivery: 3 });
  });
});

describe('a renewal', () => {
  it('keeps the same id good, at every node, for another lock time', async () => {
    const { bench, queue, node, held } = await oneLocked();
    const { runtime } = bench;
    const other = bench.node();
    for (const renewing of [node, other, other, node]) {
      await runtime.advance(8000);
      expect(await runtime.run(renewing.renew(queue, held.lock.id))).toBe(runtime.now() + 10_000);
    }
    await runtime.advance(9000);
    expect(await runtime.run(other.receive(queue, nobody))).toBeUndefined();
    await runtime.run(bench.node().acknowledge(queue, held.lock.id));
    expect(await node.stats(queue)).toMatchObject({ depth: 0 });
    expect((await bench.storage.documents.list('queue-locks/')).paths).toEqual([]);
  });

  it('at one node is not taken for an acknowledgement by another, whose request for it was lost', async () => {
    const { bench, queue, node, held } = await oneLocked();
    const { runtime } = bench;
    await runtime.run(node.renew(queue, held.lock.id));
    let lostOnce = false;
    bench.fault = ({ operation }) => {
      if (lostOnce || operation !== 'queues.delete') return undefined;
      lostOnce = true;
      return { kind: 'refuse', code: 'outcome_unknown' };
    };
    await runtime.run(bench.node().acknowledge(queue, held.lock.id));
    expect(lostOnce).toBe(true);
    expect(await node.stats(queue)).toMatchObject({ depth: 0 });
  });

  it('under a policy that has become shorter does not shorten the lock', async () => {
    const { bench, queue, node, held } = await oneLocked();
    const shorter = { ...queue, policy: { ...queue.policy, lockDurationMs: 2000 } };
    expect(await bench.runtime.run(node.renew(shorter, held.lock.id))).toBe(held.lock.until);
    await bench.runtime.advance(9000);
    expect(await bench.runtime.run(node.receive(shorter, nobody))).toBeUndefined();
    await bench.runtime.run(node.acknowledge(shorter, held.lock.id));
  });

  it('keeps the message for one lock time where the clock is a day behind, and not for a day', async () => {
    const { bench, queue, held } = await oneLocked();
    const { runtime } = bench;
    const behind = bench.node({ aheadMs: -DAY_MS });
    expect(await runtime.run(behind.renew(queue, held.lock.id))).toBe(runtime.now() - DAY_MS + 10_000);
    await runtime.advance(9000);
    expect(await runtime.run(bench.node().receive(queue, nobody))).toBeUndefined();
    await runtime.advance(1001);
    expect(await runtime.run(bench.node().receive(queue, nobody))).toMatchObject({ delivery: 2 });
  });

  it.each([1, 8])(
    'is for one lock time from now where the lock was given by a clock %i days ahead',
    async (days) => {
      const bench = new QueueBench();
      const { runtime } = bench;
      const queue = await bench.queue({ lockDurationMs: 10_000 });
      const node = bench.node();
      await node.enqueue(queue, [text('job')]);
      const { lock } = await take(bench, bench.node({ aheadMs: days * DAY_MS }).receive(queue, nobody));
      for (let renewals = 0; renewals < 2; renewals += 1) {
        await runtime.advance(9000);
        expect(await runtime.run(node.renew(queue, lock.id))).toBe(runtime.now() + 10_000);
        expect(await runtime.run(bench.node().receive(queue, nobody))).toBeUndefined();
      }
      await runtime.advance(10_001);
      expect(await runtime.run(bench.node().receive(queue, nobody))).toMatchObject({ delivery: 2 });
    },
  );

  it('of the longest lock there is, given by a clock that is a little ahead, is for as long from now', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue({ lockDurationMs: 7 * DAY_MS });
    const node = bench.node();
    await node.enqueue(queue, [text('job')]);
    const { lock } = await take(bench, bench.node({ aheadMs: 5 }).receive(queue, nobody));
    const until = bench.runtime.now() + 7 * DAY_MS;
    expect(await bench.runtime.run(node.renew(queue, lock.id))).toBe(until);
  });

  it('under way at one node takes the message from nobody who renews or settles it at another meanwhile', async () => {
    const { bench, queue, node, held } = await oneLocked();
    const { runtime } = bench;
    bench.fault = ({ operation, target }) =>
      operation === 'documents.put' && target.startsWith('queue-locks/')
        ? { kind: 'delay', beforeMs: 100 }
        : undefined;
    const renewing = [node, node, bench.node()].map((each) => each.renew(queue, held.lock.id));
    expect(await runtime.run(Promise.all(renewing))).toHaveLength(3);
    const last = node.renew(queue, held.lock.id);
    await runtime.advance(1);
    await runtime.run(bench.node().acknowledge(queue, held.lock.id));
    await runtime.run(last);
    expect(await node.stats(queue)).toMatchObject({ depth: 0 });
  });

  it('that is slow to be written down does not take the place of the next one', async () => {
    const { bench, queue, node, held } = await oneLocked();
    const { runtime } = bench;
    let puts = 0;
    bench.fault = ({ operation, target }) =>
      operation === 'documents.put' && target.startsWith('queue-locks/') && puts++ === 0
        ? { kind: 'delay', beforeMs: 100 }
        : undefined;
    const first = node.renew(queue, held.lock.id);
    await runtime.advance(1);
    await runtime.run(node.renew(queue, held.lock.id));
    await runtime.run(first);
    await runtime.run(bench.node().acknowledge(queue, held.lock.id));
    expect(await node.stats(queue)).toMatchObject({ depth: 0 });
  });

  it('whose writing down was not answered does not take the place of another node’s when it is tried again', async () => {
    const { bench, queue, node, held } = await oneLocked();
    const { runtime } = bench;
    const counts: Record<string, number> = {};
    bench.fault = ({ operation, target }) => {
      if (!target.startsWith('queue-locks/')) return undefined;
      const times = (counts[operation] ?? 0) + 1;
      counts[operation] = times;
      if (operation === 'documents.put' && times === 1) return { kind: 'lose_answer' };
      return operation === 'documents.get' && times === 2 ? { kind: 'delay', beforeMs: 100 } : undefined;
    };
    const first = node.renew(queue, held.lock.id);
    await runtime.advance(1);
    await runtime.run(bench.node().renew(queue, held.lock.id));
    await runtime.run(first);
    await runtime.run(bench.node().acknowledge(queue, held.lock.id));
    expect(await node.stats(queue)).toMatchObject({ depth: 0 });
  });

  it('that others overtake is not taken for lost by what was written down before the one it began with', async () => {
    const { bench, queue, node, held } = await oneLocked();
    const { runtime } = bench;
    await runtime.run(node.renew(queue, held.lock.id));
    await runtime.advance(6_000);
    const delays = [5_000, 100];
    bench.fault = ({ operation, target }) => {
      if (operation !== 'documents.put' || !target.startsWith('queue-locks/')) return undefined;
      const beforeMs = delays.shift();
      return beforeMs === undefined ? undefined : { kind: 'delay', beforeMs };
    };
    const slow = node.renew(queue, held.lock.id);
    // What is written down is over now, and what this node knows is not.
    await runtime.advance(4_500);
    const both = Promise.all([node.renew(queue, held.lock.id), node.renew(queue, held.lock.id)]);
    await runtime.run(both);
    await runtime.run(slow);
    await runtime.run(bench.node().acknowledge(queue, held.lock.id));
    expect(await node.stats(queue)).toMatchObject({ depth: 0 });
  });

  it('does not help a lock that is over', async () => {
    const { bench, queue, node, held } = await oneLocked();
    await bench.runtime.advance(10_000);
    await expect(bench.runtime.run(node.renew(queue, held.lock.id))).rejects.toEqual(lost);
  });

  it('ends, and after it the lock is lost', async () => {
    const { bench, queue, node, held } = await oneLocked();
    await bench.runtime.advance(5000);
    await bench.runtime.run(node.renew(queue, held.lock.id));
    await bench.runtime.advance(10_001);
    await expect(bench.runtime.run(bench.node().acknowledge(queue, held.lock.id))).rejects.toEqual(lost);
    expect(await bench.runtime.run(node.receive(queue, nobody))).toMatchObject({ delivery: 2 });
  });

  it('whose answer was lost loses the lock and no message', async () => {
    const { bench, queue, node, held } = await oneLocked();
    let times = 0;
    bench.fault = ({ operation }) =>
      operation === 'queues.update' && times++ === 0 ? { kind: 'lose_answer' } : undefined;
    await expect(bench.runtime.run(node.renew(queue, held.lock.id))).rejects.toEqual(lost);
    await bench.runtime.advance(10_001);
    expect(await bench.runtime.run(node.receive(queue, nobody))).toMatchObject({ id: held.id });
  });
});

describe('a message that can not be dealt with', () => {
  it('is dead-lettered with the reason at the consumer’s word, and may come from any node', async () => {
    for (const elsewhere of [false, true]) {
      const { bench, queue, node, held } = await oneLocked();
      const settling = elsewhere ? bench.node() : node;
      await bench.runtime.run(settling.deadLetterLocked(queue, held.lock.id, 'no such customer'));
      expect(await settling.stats(queue)).toMatchObject({ depth: 0, deadLettered: 1 });
      const letters = deadLetterOf(queue);
      const letter = await take(bench, node.receive(letters, nobody));
      expect(letter).toMatchObject({
        id: held.id,
        deadLetter: { reason: 'no such customer', source: 'myapp/work' },
        enqueuedAt: held.enqueuedAt,
      });
      expect(textOf(letter)).toBe('job');
      await expect(
        bench.runtime.run(node.deadLetterLocked(letters, letter.lock.id, 'again')),
      ).rejects.toMatchObject({ code: 'no_dead_letter' });
      expect((await bench.storage.documents.list('queue-given-up/')).paths).toEqual([]);
    }
  });

  it('is dead-lettered when that is asked for again because nobody knew whether it was done', async () => {
    const { bench, queue, node, held } = await oneLocked();
    const elsewhere = bench.node();
    let isAway = true;
    bench.fault = ({ operation }) =>
      operation === 'queues.receive' && isAway ? { kind: 'lose_answer' } : undefined;
    const ask = () => bench.runtime.run(elsewhere.deadLetterLocked(queue, held.lock.id, 'no such customer'));
    await expect(ask()).rejects.toMatchObject({ code: 'outcome_unknown' });
    isAway = false;
    await bench.runtime.advance(100);
    await expect(ask()).rejects.toEqual(lost);
    await bench.runtime.advance(120_000);
    expect(await bench.runtime.run(node.receive(queue, nobody))).toBeUndefined();
    expect(await node.stats(queue)).toMatchObject({ depth: 0, deadLettered: 1 });
  });

  it('is dead-lettered by whoever has it under lock, though its time to live is over', async () => {
    for (const elsewhere of [false, true]) {
      const { bench, queue, node, held } = await oneLocked({ maxMessageAgeMs: 5000 });
      await bench.runtime.advance(6000);
      const settling = elsewhere ? bench.node() : node;
      await bench.runtime.run(settling.deadLetterLocked(queue, held.lock.id, 'no such customer'));
      expect(await node.stats(queue)).toMatchObject({ depth: 0, deadLettered: 1 });
    }
  });

  it('can not be dead-lettered by a lock that is over', async () => {
    for (const elsewhere of [false, true]) {
      const { bench, queue, node, held } = await oneLocked();
      await bench.runtime.advance(10_001);
      const settling = elsewhere ? bench.node() : node;
      await expect(bench.runtime.run(settling.deadLetterLocked(queue, held.lock.id, 'late'))).rejects.toEqual(
        lost,
      );
      expect(await bench.runtime.run(node.receive(queue, nobody))).toMatchObject({ delivery: 2 });
      expect(await node.stats(queue)).toMatchObject({ depth: 1, deadLettered: 0 });
    }
  });

  it('is dead-lettered after the last delivery the policy allows: by its giving back at once, by its lock ending when it is next seen', async () => {
    for (const how of ['giveBack', 'ending'] as const) {
      const { bench, queue, node, held } = await oneLocked({ maxDequeueRetries: 1 });
      await bench.runtime.run(node.giveBack(queue, held.lock.id));
      const second = await take(bench, node.receive(queue, nobody));
      expect(second.delivery).toBe(2);
      if (how === 'giveBack') await bench.runtime.run(node.giveBack(queue, second.lock.id));
      else await bench.runtime.advance(10_001);
      expect(await bench.runtime.run(bench.node().receive(queue, nobody))).toBeUndefined();
      const letter = await take(bench, node.receive(deadLetterOf(queue), nobody));
      expect(letter.deadLetter?.reason).toBe('it was delivered 2 times and never acknowledged');
    }
  });

  it('is dropped instead where the policy says so', async () => {
    const { bench, queue, node, held } = await oneLocked({ maxDequeueRetries: 0, poisonMessageDrop: true });
    await bench.runtime.run(node.giveBack(queue, held.lock.id));
    expect(await node.stats(queue)).toMatchObject({ depth: 0, deadLettered: 0 });
  });

  it('never leaves the dead letters by being delivered often', async () => {
    const { bench, queue, node, held } = await oneLocked({ maxDequeueRetries: 0 });
    await bench.runtime.run(node.giveBack(queue, held.lock.id));
    for (let delivery = 1; delivery <= 20; delivery += 1) {
      const letter = await take(bench, node.receive(deadLetterOf(queue), nobody));
      expect(letter.delivery).toBe(delivery);
      await bench.runtime.run(node.giveBack(deadLetterOf(queue), letter.lock.id));
    }
  });
});
