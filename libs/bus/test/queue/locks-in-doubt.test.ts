import { deadLetterOf } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { nobody, QueueBench, text } from './support/bench.ts';
import { oneLocked, take } from './support/locked.ts';

const lost = expect.objectContaining({ code: 'lock_lost' });

describe('a lock', () => {
  it('whose acknowledgement got no answer is not called acknowledged: a node may have died while it renewed it', async () => {
    for (const renewedBefore of [false, true]) {
      const { bench, queue, node, held } = await oneLocked();
      const { runtime } = bench;
      if (renewedBefore) await runtime.run(node.renew(queue, held.lock.id));
      let isLost = false;
      bench.fault = ({ operation }) => {
        if (operation === 'documents.put') return { kind: 'refuse', code: 'outcome_unknown' };
        if (isLost || operation !== 'queues.delete') return undefined;
        isLost = true;
        return { kind: 'refuse', code: 'outcome_unknown' };
      };
      await expect(runtime.run(bench.node().renew(queue, held.lock.id))).rejects.toMatchObject({
        code: 'outcome_unknown',
      });
      await expect(runtime.run(node.acknowledge(queue, held.lock.id))).rejects.toMatchObject({
        code: 'outcome_unknown',
      });
      await runtime.advance(10_001);
      expect(await take(bench, node.receive(queue, nobody))).toMatchObject({ id: held.id, delivery: 2 });
    }
  });

  it('whose acknowledgement was done without an answer is over when that is asked for again', async () => {
    const { bench, queue, node, held } = await oneLocked();
    let times = 0;
    bench.fault = ({ operation }) =>
      operation === 'queues.delete' && times++ === 0 ? { kind: 'lose_answer' } : undefined;
    const acknowledge = () => bench.runtime.run(node.acknowledge(queue, held.lock.id));
    await expect(acknowledge()).rejects.toMatchObject({ code: 'outcome_unknown' });
    await expect(acknowledge()).rejects.toEqual(lost);
    expect(await node.stats(queue)).toMatchObject({ depth: 0 });
  });

  it('is not longer for a clock that is put back while the message is on its way to the consumer', async () => {
    const bench = new QueueBench();
    const { runtime } = bench;
    const queue = await bench.queue({ lockDurationMs: 10_000 });
    await bench.node().enqueue(queue, [text('job')]);
    let isPutBack = false;
    bench.fault = ({ operation, target }) => {
      if (operation !== 'documents.get' || target !== 'queue-secret') return undefined;
      runtime.wallOffsetMs = -60_000;
      isPutBack = true;
      return undefined;
    };
    const { lock } = await take(bench, bench.node().receive(queue, nobody));
    expect(isPutBack).toBe(true);
    expect(lock.until - runtime.now()).toBeLessThanOrEqual(10_000);
  });
});

describe('a wish to dead-letter a message', () => {
  it('stands though another one, of a lock that was given back before, is taken back', async () => {
    const { bench, queue, node, held } = await oneLocked();
    const { runtime } = bench;
    await runtime.run(node.giveBack(queue, held.lock.id, 0));
    const next = await take(bench, node.receive(queue, nobody));
    let updates = 0;
    bench.fault = ({ operation }) =>
      operation === 'queues.update' && ++updates === 2 ? { kind: 'delay', beforeMs: 1000 } : undefined;
    const late = bench
      .node()
      .deadLetterLocked(queue, held.lock.id, 'late')
      .catch((error: unknown) => error);
    await runtime.advance(100);
    await runtime.run(bench.node().deadLetterLocked(queue, next.lock.id, 'no such customer'));
    expect(await late).toEqual(lost);
    expect(await node.stats(queue)).toMatchObject({ depth: 0, deadLettered: 1 });
    const letter = await take(bench, node.receive(deadLetterOf(queue), nobody));
    expect(letter.deadLetter?.reason).toBe('no such customer');
    expect((await bench.storage.documents.list('queue-given-up/')).paths).toEqual([]);
  });

  it('is fulfilled as well if an earlier version has written it down', async () => {
    const { bench, queue, node, held } = await oneLocked();
    const other = bench.node();
    let path = '';
    bench.fault = ({ operation, target }) => {
      if (operation === 'documents.put' && target.startsWith('queue-given-up/')) path = target;
      return operation === 'queues.receive' ? { kind: 'refuse', code: 'unavailable' } : undefined;
    };
    await bench.runtime.run(other.deadLetterLocked(queue, held.lock.id, 'new')).catch(() => {});
    bench.fault = () => undefined;
    const old = { version: 1, reason: 'no such customer', at: bench.runtime.now() };
    const there = await bench.storage.documents.get(path);
    await bench.storage.documents.put(path, Buffer.from(JSON.stringify(old)), { ifMatch: there?.etag ?? '' });
    expect(await bench.runtime.run(node.receive(queue, nobody))).toBeUndefined();
    const letter = await take(bench, node.receive(deadLetterOf(queue), nobody));
    expect(letter.deadLetter?.reason).toBe('no such customer');
  });

  it('of a lock that is over is not written down', async () => {
    const { bench, queue, held } = await oneLocked();
    await bench.runtime.advance(10_001);
    let writes = 0;
    bench.fault = ({ operation }) => {
      if (operation === 'documents.put') writes += 1;
      return undefined;
    };
    await expect(
      bench.runtime.run(bench.node().deadLetterLocked(queue, held.lock.id, 'late')),
    ).rejects.toEqual(lost);
    expect(writes).toBe(0);
  });
});

describe('a lock of a node whose machine was suspended while it asked for messages', () => {
  it('is over no later than the storage lets others have the message', async () => {
    const bench = new QueueBench();
    const { runtime } = bench;
    const queue = await bench.queue({ lockDurationMs: 10_000 });
    const node = bench.node();
    await node.enqueue(queue, [text('job')]);
    bench.fault = ({ operation }) =>
      operation === 'queues.receive' ? { kind: 'delay', afterMs: 1000 } : undefined;
    // The monotonic clock stands still meanwhile.
    runtime.setTimer(500, () => {
      runtime.wallOffsetMs += 4000;
    });
    const held = await take(bench, node.receive(queue, nobody));
    expect(held.lock.until - runtime.now()).toBe(5000);
  });
});
