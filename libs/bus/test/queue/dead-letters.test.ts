import { deadLetterOf } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import type { TakeBack } from '../../src/index.ts';
import { nobody, QueueBench, sized, text, textOf } from './support/bench.ts';

/** A queue with messages among its dead letters. */
async function withDeadLetters(count: number, policy = {}) {
  const bench = new QueueBench();
  const queue = await bench.queue({ lockDurationMs: 10_000, ...policy });
  const node = bench.node();
  const letters = deadLetterOf(queue);
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1) {
    await node.enqueue(queue, [at % 3 === 2 ? sized(100_000 + at) : text(`${at}`, { key: `k${at}` })]);
    const held = await bench.runtime.run(node.receive(queue, nobody));
    await bench.runtime.run(node.deadLetterLocked(queue, held?.lock?.id ?? '', `no ${at}`));
    ids.push(held?.id ?? '');
  }
  return { bench, queue, node, letters, ids };
}

type Setting = Awaited<ReturnType<typeof withDeadLetters>>;

/** Takes and acknowledges all there is; answers the ids. */
async function drain({ bench, node }: Setting, from: Setting['queue']): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const held = await bench.runtime.run(node.receive(from, { timeoutMs: 70_000, signal: undefined }));
    if (held?.lock === undefined) return ids;
    ids.push(held.id);
    await bench.runtime.run(node.acknowledge(from, held.lock.id));
  }
}

async function bodiesLeft({ bench, queue }: Setting): Promise<number> {
  return (await bench.storage.bodies.list(queue.container)).bodies.length;
}

describe('dead letters', () => {
  it('have bodies of their own', async () => {
    const setting = await withDeadLetters(6);
    expect(await bodiesLeft(setting)).toBe(2);
    expect((await drain(setting, setting.letters)).sort()).toEqual([...setting.ids].sort());
    expect(await bodiesLeft(setting)).toBe(0);
  });

  it('can come from elsewhere, with reason and source', async () => {
    const { bench, node, letters } = await withDeadLetters(0);
    const id = '0190a0a0-0000-7000-8000-000000000001';
    await node.deadLetter(letters, text('lost'), { id, reason: 'x'.repeat(5000), source: 'myapp/router' });
    const letter = await bench.runtime.run(bench.node().receive(letters, nobody));
    expect(letter).toMatchObject({ id, deadLetter: { reason: 'x'.repeat(1024), source: 'myapp/router' } });
  });

  it('come back to their queue by a redrive, as they were but for the count', async () => {
    const setting = await withDeadLetters(40);
    const { bench, node, queue, letters, ids } = setting;
    expect(await bench.runtime.run(node.redrive(letters, queue, { limit: 10 }))).toBe(10);
    expect(await node.stats(queue)).toMatchObject({ depth: 10, deadLettered: 30 });
    const first = await bench.runtime.run(node.receive(queue, nobody));
    expect(first).toMatchObject({ delivery: 1, redrives: 1, deadLetter: undefined });
    await bench.runtime.run(node.giveBack(queue, first?.lock?.id ?? ''));
    expect(await bench.runtime.run(node.redrive(letters, queue, { limit: 1000 }))).toBe(30);
    expect((await drain(setting, queue)).sort()).toEqual([...ids].sort());
    expect(await bodiesLeft(setting)).toBe(0);
  });

  it('come back past the limits of the queue, which had let them in before, and live anew', async () => {
    const { bench, node, queue, letters } = await withDeadLetters(3, {
      maxQueueLength: 1,
      maxMessageAgeMs: 60_000,
    });
    await bench.runtime.advance(120_000);
    expect(await bench.runtime.run(node.redrive(letters, queue, { limit: 1000 }))).toBe(3);
    expect(await node.peek(queue, 10)).toHaveLength(3);
    await bench.runtime.advance(60_000);
    expect(await node.peek(queue, 10)).toHaveLength(0);
  });

  it('stay where they are when their body is gone, and say so: nobody sent what is left of them', async () => {
    const setting = await withDeadLetters(0);
    const { bench, node, queue, letters } = setting;
    await node.enqueue(queue, [sized(100_000)]);
    const held = await bench.runtime.run(node.receive(queue, nobody));
    const { bodies } = await bench.storage.bodies.list(queue.container);
    for (const { id } of bodies) await bench.storage.bodies.delete(queue.container, id);
    await bench.runtime.run(node.deadLetterLocked(queue, held?.lock?.id ?? '', 'no'));
    expect(await bench.runtime.run(node.redrive(letters, queue, { limit: 10 }))).toBe(0);
    expect(await node.stats(queue)).toMatchObject({ depth: 0, deadLettered: 1 });
    const letter = await bench.runtime.run(node.receive(letters, nobody));
    expect(letter?.deadLetter?.reason).toBe('its body is gone; no');
  });

  it('stay, with their reason, when their body goes while they are dead letters', async () => {
    const setting = await withDeadLetters(0);
    const { bench, node, queue, letters } = setting;
    await node.enqueue(queue, [sized(100_000)]);
    const held = await bench.runtime.run(node.receive(queue, nobody));
    await bench.runtime.run(node.deadLetterLocked(queue, held?.lock?.id ?? '', 'no'));
    const { bodies } = await bench.storage.bodies.list(queue.container);
    for (const { id } of bodies) await bench.storage.bodies.delete(queue.container, id);
    // Twice: the first one finds out, the second one finds what is left.
    for (let times = 0; times < 2; times += 1)
      expect(await bench.runtime.run(node.redrive(letters, queue, { limit: 10 }))).toBe(0);
    expect(await node.stats(queue)).toMatchObject({ depth: 0, deadLettered: 1 });
    const letter = await bench.runtime.run(node.receive(letters, nobody));
    expect(letter).toMatchObject({
      id: held?.id,
      deadLetter: { reason: 'its body is gone; no', source: queue.name },
    });
  });

  it('are handed to whatever takes them back, and stay when it fails', async () => {
    const { bench, node, letters } = await withDeadLetters(5);
    const taken: string[] = [];
    const takeBack: TakeBack = async ({ message, deadLetter }) => {
      if (taken.length === 2) throw new Error('enough');
      taken.push(`${textOf({ message }).slice(0, 5)} ${deadLetter?.source}`);
      return 'taken';
    };
    await expect(bench.runtime.run(node.redrive(letters, takeBack, { limit: 10 }))).rejects.toThrow('enough');
    expect(taken).toHaveLength(2);
    expect(await node.stats(letters)).toMatchObject({ depth: 3, locked: 0 });
    expect(await bench.runtime.run(node.receive(letters, nobody))).toMatchObject({ delivery: 1 });
  });
});

describe('nothing is lost and no lock is dishonoured', () => {
  const hops = [
    'queues.send',
    'queues.receive',
    'queues.update',
    'queues.delete',
    'bodies.put',
    'bodies.get',
    'bodies.delete',
    'documents.get',
    'documents.put',
  ];

  it.each(
    hops.flatMap((hop) => (['throttled', 'lost', 'unavailable'] as const).map((how) => [hop, how] as const)),
  )('when %s fails (%s) in the middle of dead-lettering and redriving', async (hop, how) => {
    const setting = await withDeadLetters(6);
    const { bench, node, queue, letters } = setting;
    let calls = 0;
    bench.fault = ({ operation }) => {
      if (operation !== hop || ++calls % 2 === 0) return undefined;
      return how === 'lost' ? { kind: 'lose_answer' } : { kind: 'refuse', code: how };
    };
    for (let round = 0; round < 12; round += 1) {
      await bench.runtime.run(node.redrive(letters, queue, { limit: 2 }).catch(() => 0));
      const held = await bench.runtime.run(node.receive(queue, nobody).catch(() => undefined));
      if (held?.lock === undefined) continue;
      held.release();
      await bench.runtime.run(node.deadLetterLocked(queue, held.lock.id, 'again').catch(() => undefined));
    }
    bench.fault = () => undefined;
    await bench.runtime.advance(120_000);
    const found = [...(await drain(setting, queue)), ...(await drain(setting, letters))];
    expect([...new Set(found)].sort()).toEqual([...setting.ids].sort());
  });
});

describe('tidying up', () => {
  const HOUR = 3_600_000;

  it('removes bodies whose message never came, when the queue was empty twice long after', async () => {
    const setting = await withDeadLetters(0);
    const { bench, node, queue } = setting;
    bench.fault = ({ operation }) =>
      operation === 'queues.send' ? { kind: 'hang', applied: false } : undefined;
    void node.enqueue(queue, [sized(100_000)]).catch(() => undefined);
    await bench.runtime.advance(1000);
    bench.fault = () => undefined;
    expect(await bodiesLeft(setting)).toBe(1);
    expect(await node.tidyBodies(queue)).toBe(0);
    expect(await node.tidyBodies(queue)).toBe(0);
    await bench.runtime.advance(2 * HOUR);
    expect(await node.tidyBodies(queue)).toBe(0);
    expect(await node.tidyBodies(queue)).toBe(1);
  });

  it('leaves bodies whose message is there, waiting, under lock or dead-lettered', async () => {
    const setting = await withDeadLetters(3);
    const { bench, node, queue } = setting;
    await node.enqueue(queue, [sized(100_000), sized(100_001)]);
    for (let round = 0; round < 5; round += 1) {
      await bench.runtime.run(node.receive(queue, nobody));
      await bench.runtime.advance(2 * HOUR);
      expect(await node.tidyBodies(queue)).toBe(0);
    }
    expect(await bodiesLeft(setting)).toBe(3);
  });

  it('leaves bodies whose message is on its way there, whatever the clock of the node says', async () => {
    const setting = await withDeadLetters(0);
    const { bench, queue } = setting;
    const fast = bench.node({ aheadMs: 24 * HOUR });
    for (let look = 0; look < 2; look += 1) expect(await fast.tidyBodies(queue)).toBe(0);
    bench.fault = ({ operation }) =>
      operation === 'queues.send' ? { kind: 'delay', beforeMs: 5000 } : undefined;
    const sent = bench.node().enqueue(queue, [sized(100_000)], { timeToLiveMs: 2 * HOUR });
    await bench.runtime.advance(1000);
    expect(await fast.tidyBodies(queue)).toBe(0);
    await bench.runtime.run(sent);
    expect(await fast.tidyBodies(queue)).toBe(0);
    expect(await bodiesLeft(setting)).toBe(1);
  });

  it('removes bodies though the clock of the node is behind', async () => {
    const setting = await withDeadLetters(0);
    const { bench, queue } = setting;
    const slow = bench.node({ aheadMs: -24 * HOUR });
    await bench.storage.bodies.put(queue.container, `m-ffffffffffff-${'0'.repeat(32)}`, Buffer.from('left'));
    expect(await slow.tidyBodies(queue)).toBe(0);
    await bench.runtime.advance(2 * HOUR);
    expect(await slow.tidyBodies(queue)).toBe(0);
    expect(await slow.tidyBodies(queue)).toBe(1);
  });

  it('removes bodies of messages that expired, though the queue is never empty', async () => {
    const setting = await withDeadLetters(0);
    const { bench, node, queue } = setting;
    await node.enqueue(queue, [text('stays')]);
    await node.enqueue(queue, [sized(100_000)], { timeToLiveMs: 5000 });
    expect(await node.tidyBodies(queue)).toBe(0);
    await bench.runtime.advance(2 * HOUR);
    expect(await bodiesLeft(setting)).toBe(1);
    expect(await node.tidyBodies(queue)).toBe(1);
  });

  it('removes what renewed locks left that were never settled', async () => {
    const { bench, node, queue } = await withDeadLetters(0);
    await node.enqueue(queue, [text('job')]);
    const held = await bench.runtime.run(node.receive(queue, nobody));
    await bench.runtime.run(node.renew(queue, held?.lock?.id ?? ''));
    await node.tidyLocks();
    expect((await bench.storage.documents.list('queue-locks/')).paths).toHaveLength(1);
    await bench.runtime.advance(2 * HOUR);
    await node.tidyLocks();
    expect((await bench.storage.documents.list('queue-locks/')).paths).toEqual([]);
  });
});
