import { describe, expect, it } from 'vitest';
import { nobody, QueueBench, sized, text, textOf } from './support/bench.ts';

const long = { timeoutMs: 30_000, signal: undefined };

describe('waiting for a message', () => {
  it('ends at once when one is enqueued at the same node', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    const waiting = node.receive(queue, long);
    await bench.runtime.advance(20_000);
    const before = bench.runtime.monotonic();
    await node.enqueue(queue, [text('news')]);
    const delivery = await bench.runtime.run(waiting);
    expect(delivery && textOf(delivery)).toBe('news');
    expect(bench.runtime.monotonic()).toBe(before);
  });

  it('ends within the longest pause when one is enqueued at a node it does not hear from', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const waiting = bench.node().receive(queue, long);
    await bench.runtime.advance(20_000);
    const before = bench.runtime.monotonic();
    await bench.node().enqueue(queue, [text('news')]);
    expect(await bench.runtime.run(waiting)).toBeDefined();
    expect(bench.runtime.monotonic() - before).toBeLessThanOrEqual(1250);
  });

  it('ends with nothing when its time is over, and not before', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const before = bench.runtime.monotonic();
    expect(await bench.runtime.run(bench.node().receive(queue, long))).toBeUndefined();
    expect(bench.runtime.monotonic() - before).toBe(30_000);
  });

  it('costs a hundred consumers of an empty queue together fewer than five storage calls a second', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const nodes = [bench.node(), bench.node(), bench.node()];
    const consumer = async (at: number): Promise<void> => {
      const node = nodes[at % nodes.length];
      while (node !== undefined && bench.runtime.monotonic() < 60_000) await node.receive(queue, long);
    };
    const consumers = Array.from({ length: 100 }, (_, at) => consumer(at));
    await bench.runtime.advance(60_000);
    expect(bench.calls.length / 60).toBeLessThan(5);
    await bench.runtime.run(Promise.all(consumers));
  });

  it('costs one consumer who asks again every second hardly more', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    await bench.runtime.run(
      (async () => {
        for (let second = 0; second < 60; second += 1)
          await node.receive(queue, { timeoutMs: 1000, signal: undefined });
      })(),
    );
    expect(bench.calls.length).toBeLessThan(160);
  });

  it('gives many waiters their messages by few calls, one message each, in the order they came', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    const waiting = Array.from({ length: 50 }, () => node.receive(queue, long));
    await bench.runtime.advance(3000);
    const calls = bench.count('queues.receive');
    const elsewhere = bench.node();
    await elsewhere.enqueue(
      queue,
      Array.from({ length: 50 }, (_, at) => text(`${at}`)),
    );
    const all = await bench.runtime.run(Promise.all(waiting));
    expect(all.map((delivery) => delivery && textOf(delivery))).toEqual(
      Array.from({ length: 50 }, (_, at) => `${at}`),
    );
    expect(bench.count('queues.receive') - calls).toBeLessThanOrEqual(4);
  });

  it('fetches nothing that nobody waits for', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    await node.enqueue(queue, [text('1'), text('2'), text('3')]);
    await bench.runtime.run(node.receive(queue, nobody));
    await bench.runtime.advance(10_000);
    expect(await node.stats(queue)).toMatchObject({ depth: 3, locked: 1 });
  });

  it('by somebody who has gone gives the message back at once, and does not count as a delivery', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    await node.enqueue(queue, [text('job')]);
    bench.fault = ({ operation }) =>
      operation === 'queues.receive' ? { kind: 'delay', afterMs: 500 } : undefined;
    const gone = new AbortController();
    const waiting = node.receive(queue, { timeoutMs: 10_000, signal: gone.signal });
    await bench.runtime.advance(100);
    gone.abort();
    expect(await bench.runtime.run(waiting)).toBeUndefined();
    await bench.runtime.advance(1000);
    expect(await bench.runtime.run(node.receive(queue, nobody))).toMatchObject({ delivery: 1 });
  });

  it('that was answered to nobody can be undone, for the next in line at once', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    await node.enqueue(queue, [text('job')]);
    const first = await bench.runtime.run(node.receive(queue, nobody));
    const next = node.receive(queue, long);
    await bench.runtime.advance(5000);
    const before = bench.runtime.monotonic();
    await first?.undo();
    expect(await bench.runtime.run(next)).toMatchObject({ id: first?.id, delivery: 1 });
    expect(bench.runtime.monotonic()).toBe(before);
  });

  it('ends when the node stops, and what was on its way goes back', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    await node.enqueue(queue, [text('job')]);
    bench.fault = ({ operation }) =>
      operation === 'queues.receive' ? { kind: 'delay', afterMs: 500 } : undefined;
    const waiting = Array.from({ length: 10 }, () => node.receive(queue, long));
    await bench.runtime.advance(100);
    await bench.runtime.run(node.close());
    expect(await bench.runtime.run(Promise.all(waiting))).toEqual(waiting.map(() => undefined));
    bench.fault = () => undefined;
    expect(await bench.runtime.run(bench.node().receive(queue, nobody))).toMatchObject({ delivery: 1 });
    expect(await bench.runtime.run(node.receive(queue, long))).toBeUndefined();
  });

  it('is refused when too many wait at the node already', async () => {
    const bench = new QueueBench({ maxWaiters: 2 });
    const queue = await bench.queue();
    const node = bench.node();
    const waiting = [node.receive(queue, long), node.receive(queue, long)];
    await expect(node.receive(queue, long)).rejects.toMatchObject({ code: 'busy' });
    await bench.runtime.run(Promise.all(waiting));
    expect(await bench.runtime.run(node.receive(queue, nobody))).toBeUndefined();
  });

  it('at too many queues of one node is refused, and free again when they are left', async () => {
    const bench = new QueueBench({ maxPolledQueues: 2 });
    const queues = [await bench.queue(), await bench.queue(), await bench.queue()] as const;
    const node = bench.node();
    const waiting = [node.receive(queues[0], long), node.receive(queues[1], long)];
    await expect(node.receive(queues[2], nobody)).rejects.toMatchObject({ code: 'busy' });
    await bench.runtime.run(Promise.all(waiting));
    expect(await bench.runtime.run(node.receive(queues[2], nobody))).toBeUndefined();
  });

  it('at a queue that is gone says so, to all who wait', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    const waiting = [node.receive(queue, long), node.receive(queue, long)].map((each) =>
      each.catch((error: unknown) => error),
    );
    await bench.runtime.advance(1000);
    await bench.storage.queues.deleteQueue(queue.queue);
    for (const outcome of await bench.runtime.run(Promise.all(waiting)))
      expect(outcome).toMatchObject({ code: 'gone' });
  });
});

describe('a storage that fails while somebody waits', () => {
  it('is asked again until it answers', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    await node.enqueue(queue, [text('job')]);
    bench.fault = ({ operation }) =>
      operation === 'queues.receive' && bench.runtime.monotonic() < 5000
        ? { kind: 'refuse', code: 'throttled' }
        : undefined;
    expect(await bench.runtime.run(node.receive(queue, long))).toBeDefined();
    expect(bench.runtime.monotonic()).toBeLessThan(7000);
    expect(bench.count('queues.receive')).toBeLessThan(20);
  });

  it('is not taken for an empty queue', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    bench.fault = () => ({ kind: 'refuse', code: 'unavailable' });
    for (const timeoutMs of [0, 3000])
      await expect(
        bench.runtime.run(bench.node().receive(queue, { timeoutMs, signal: undefined })),
      ).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  it('that loses the answer of a receive brings the message back after its lock', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue({ lockDurationMs: 10_000 });
    const node = bench.node();
    await node.enqueue(queue, [text('job')]);
    let times = 0;
    bench.fault = ({ operation }) =>
      operation === 'queues.receive' && times++ === 0 ? { kind: 'lose_answer' } : undefined;
    expect(await bench.runtime.run(node.receive(queue, long))).toMatchObject({ delivery: 2 });
    expect(bench.runtime.monotonic()).toBeLessThan(12_000);
  });
});

describe('receive and delete', () => {
  it('leaves nothing behind, also of a large body', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    await node.enqueue(queue, [text('small'), sized(1_000_000)]);
    for (const bytes of [5, 1_000_000]) {
      const delivery = await bench.runtime.run(node.receiveAndDelete(queue, nobody));
      expect(delivery?.message.value.byteLength).toBe(bytes);
      expect(delivery?.lock).toBeUndefined();
      delivery?.release();
    }
    expect(await node.stats(queue)).toMatchObject({ depth: 0 });
    expect((await bench.storage.bodies.list(queue.container)).bodies).toEqual([]);
  });

  it('gives a message to one only, though everybody asks', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const nodes = [bench.node(), bench.node()];
    const messages = Array.from({ length: 40 }, (_, at) => text(`${at}`));
    await nodes[0]?.enqueue(queue, messages);
    const asking = Array.from({ length: 60 }, (_, at) => nodes[at % 2]?.receiveAndDelete(queue, nobody));
    const got = (await bench.runtime.run(Promise.all(asking))).filter((each) => each !== undefined);
    expect(new Set(got.map(textOf)).size).toBe(got.length);
    expect(got.length).toBe(40);
  });

  it('says when it can not delete, and the message stays', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    await node.enqueue(queue, [text('job')]);
    bench.fault = ({ operation }) =>
      operation === 'queues.delete' ? { kind: 'refuse', code: 'throttled' } : undefined;
    await expect(bench.runtime.run(node.receiveAndDelete(queue, nobody))).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
    bench.fault = () => undefined;
    expect(await bench.runtime.run(node.receive(queue, nobody))).toMatchObject({ delivery: 1 });
  });
});

describe('a look at the head', () => {
  it('shows what is there to be had, and takes nothing', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    await node.enqueue(queue, [text('a', { key: 'k' }), sized(100_000)]);
    const seen = await node.peek(queue, 10);
    expect(
      seen.map(({ message, deliveries }) => [message?.value.byteLength, message?.key, deliveries]),
    ).toEqual([
      [1, 'k', 0],
      [100_000, undefined, 0],
    ]);
    expect(await node.peek(queue, 1)).toHaveLength(1);
    await bench.runtime.run(node.receive(queue, nobody));
    expect(await node.peek(queue, 10)).toHaveLength(1);
    expect(await node.stats(queue)).toMatchObject({ depth: 2, locked: 1 });
  });

  it('tells how old the oldest is', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    await node.enqueue(queue, [text('old')]);
    await bench.runtime.advance(5000);
    await node.enqueue(queue, [text('new')]);
    expect(await node.stats(queue)).toEqual({ depth: 2, locked: 0, deadLettered: 0, oldestAgeMs: 5000 });
  });
});
