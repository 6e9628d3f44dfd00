import { decodeBatch } from '@message-vault/framing';
import { deadLetterOf } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { nobody, QueueBench, sized, text, textOf } from './support/bench.ts';

const producer = { id: '6f1fcf34-5c1f-4f05-9e15-0f4f4ec4f7f9', epoch: 0, sequence: 3 };

describe('enqueuing', () => {
  it('keeps all there is to a message', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    const message = text('{"a":1}', {
      kind: 'json',
      key: 'schlüssel',
      headers: [
        ['x', '1'],
        ['x', '2'],
      ],
    });
    const { messageIds } = await node.enqueue(queue, [message]);
    const delivery = await bench.runtime.run(node.receive(queue, nobody));
    expect(delivery).toMatchObject({
      id: messageIds[0],
      enqueuedAt: bench.runtime.now(),
      expiresAt: undefined,
    });
    expect(delivery?.message).toEqual({ ...message, value: Uint8Array.from(message.value) });
  });

  it('gives the same ids to the same batch of a producer, and to nothing else', async () => {
    const bench = new QueueBench();
    const [queue, other] = [await bench.queue(), await bench.queue()];
    const node = bench.node();
    const messages = [text('a'), text('b')];
    const ids = async (to: typeof queue, who = {}) =>
      (await node.enqueue(to, messages, { producer: { ...producer, ...who } })).messageIds;
    const first = await ids(queue);
    expect(await ids(queue)).toEqual(first);
    const all = [
      first,
      await ids(queue, { sequence: 4 }),
      await ids(queue, { epoch: 1 }),
      await ids(other),
    ].flat();
    expect(new Set(all).size).toBe(8);
    for (const id of all)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('keeps a body in the message as long as it fits, to the byte', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    // 48 KiB less the envelope, the batch header and the record around a value of this size.
    const most = 48 * 1024 - 56 - 56 - 6;
    for (const [bytes, bodies] of [
      [most, 0],
      [most + 1, 1],
    ] as const) {
      await node.enqueue(queue, [sized(bytes)]);
      expect((await bench.storage.bodies.list(queue.container)).bodies).toHaveLength(bodies);
      const delivery = await bench.runtime.run(node.receive(queue, nobody));
      expect(delivery?.message.value.byteLength).toBe(bytes);
      await bench.runtime.run(node.acknowledge(queue, delivery?.lock?.id ?? ''));
      expect((await bench.storage.bodies.list(queue.container)).bodies).toEqual([]);
    }
  });

  it('takes a value at the limit of the policy and refuses one byte more', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue({ maxMessageSize: 1000 });
    const node = bench.node();
    await node.enqueue(queue, [sized(1000)]);
    await expect(node.enqueue(queue, [sized(1), sized(1001)])).rejects.toMatchObject({
      code: 'too_large',
      details: { limit: 1000 },
    });
    expect(await node.stats(queue)).toMatchObject({ depth: 1 });
  });

  it('refuses more messages at once than a request may bring', async () => {
    const bench = new QueueBench({ maxBatchMessages: 2 });
    const queue = await bench.queue();
    await expect(bench.node().enqueue(queue, [text('1'), text('2'), text('3')])).rejects.toMatchObject({
      code: 'too_many_messages',
      details: { limit: 2 },
    });
  });

  it('with a delay is seen after it', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    await node.enqueue(queue, [text('later')], { delayMs: 5000 });
    expect(
      await bench.runtime.run(node.receive(queue, { timeoutMs: 4900, signal: undefined })),
    ).toBeUndefined();
    expect(
      await bench.runtime.run(node.receive(queue, { timeoutMs: 2000, signal: undefined })),
    ).toBeDefined();
  });

  it('with a time to live is not seen after it, and can be acknowledged after it by who had it before', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue({ lockDurationMs: 30_000 });
    const node = bench.node();
    await node.enqueue(queue, [text('soon'), sized(100_000)], { timeToLiveMs: 2000 });
    const held = await bench.runtime.run(node.receive(queue, nobody));
    await bench.runtime.advance(2000);
    expect(await bench.runtime.run(node.receive(queue, nobody))).toBeUndefined();
    await bench.runtime.advance(20_000);
    await bench.runtime.run(node.acknowledge(queue, held?.lock?.id ?? ''));
    expect(await node.stats(queue)).toMatchObject({ depth: 0, deadLettered: 0 });
    expect((await bench.storage.bodies.list(queue.container)).bodies).toEqual([]);
  });

  it('can be told to live longer than any calendar goes', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue({ maxMessageAgeMs: Number.MAX_SAFE_INTEGER });
    const node = bench.node();
    await node.enqueue(queue, [text('eternal'), sized(100_000)]);
    await node.enqueue(queue, [text('eternal')], { timeToLiveMs: Number.MAX_SAFE_INTEGER - 1 });
    for (let at = 0; at < 3; at += 1)
      expect(await bench.runtime.run(node.receive(queue, nobody))).toMatchObject({ expiresAt: undefined });
  });

  it('never lives longer than the policy lets it', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue({ maxMessageAgeMs: 3000 });
    const node = bench.node();
    await node.enqueue(queue, [text('a')]);
    await node.enqueue(queue, [text('b')], { timeToLiveMs: 60_000 });
    await bench.runtime.advance(3000);
    expect(await node.peek(queue, 10)).toEqual([]);
    expect(await bench.runtime.run(node.receive(queue, nobody))).toBeUndefined();
  });

  it.each([
    ['a delay that outlasts the message', { delayMs: 5000, timeToLiveMs: 5000 }],
    ['a delay of more than seven days', { delayMs: 7 * 86_400_000 + 1 }],
    ['no time to live', { timeToLiveMs: 0 }],
  ])('refuses %s', async (_, times) => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    await expect(bench.node().enqueue(queue, [text('x')], times)).rejects.toMatchObject({
      code: 'bad_times',
    });
    expect(bench.calls).toEqual([]);
  });
});

describe('a queue at its limit', () => {
  it('refuses by default, at once, and takes again when there is room', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue({ maxQueueLength: 3 });
    const node = bench.node();
    for (const each of ['1', '2', '3']) await node.enqueue(queue, [text(each)]);
    const full = expect.objectContaining({ code: 'queue_full' });
    await expect(bench.runtime.run(node.enqueue(queue, [text('4')]))).rejects.toEqual(full);
    await expect(bench.runtime.run(bench.node().enqueue(queue, [text('4')]))).rejects.toEqual(full);
    expect(bench.runtime.monotonic()).toBe(0);
    const held = await bench.runtime.run(node.receive(queue, nobody));
    await expect(bench.runtime.run(node.enqueue(queue, [text('4')]))).rejects.toEqual(full);
    await bench.runtime.run(node.acknowledge(queue, held?.lock?.id ?? ''));
    await bench.runtime.run(node.enqueue(queue, [text('4')]));
    expect(await node.stats(queue)).toMatchObject({ depth: 3 });
  });

  it('lets in no more than there is room for when many come to one node at once', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue({ maxQueueLength: 10 });
    const node = bench.node();
    const all = await bench.runtime.run(
      Promise.allSettled(Array.from({ length: 30 }, () => node.enqueue(queue, [text('x')]))),
    );
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    expect(await node.stats(queue)).toMatchObject({ depth: 10 });
  });

  it('waits for room as long as the policy says', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue({ maxQueueLength: 1, enqueueTimeoutMs: 5000 });
    const node = bench.node();
    await node.enqueue(queue, [text('1')]);
    const waiting = node.enqueue(queue, [text('2')]);
    await bench.runtime.advance(2000);
    await bench.runtime.run(bench.node().receiveAndDelete(queue, nobody));
    await bench.runtime.run(waiting);
    expect(bench.runtime.monotonic()).toBeLessThan(3500);
    await expect(bench.runtime.run(node.enqueue(queue, [text('3')]))).rejects.toMatchObject({
      code: 'queue_full',
    });
  });

  it.each([
    [{ maxQueueLength: 1 }, 'it takes 1 message;'],
    [{ maxQueueLength: 2, maxQueueCapacityBytes: 1 }, 'it takes 2 messages and 1 byte;'],
  ])('says what one with %o takes when it is full', async (policy, says) => {
    const bench = new QueueBench();
    const queue = await bench.queue(policy);
    const node = bench.node();
    await node.enqueue(queue, [text('1')]);
    const refused = bench.runtime.run(node.enqueue(queue, [text('2')]));
    await expect(refused).rejects.toMatchObject({ message: expect.stringContaining(says) });
  });

  it('refuses a batch of which not all fit, and none of it is there', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue({ maxQueueLength: 3 });
    const node = bench.node();
    await node.enqueue(queue, [text('1'), text('2')]);
    await expect(bench.runtime.run(node.enqueue(queue, [text('3'), text('4')]))).rejects.toMatchObject({
      code: 'queue_full',
    });
    await bench.runtime.run(node.enqueue(queue, [text('3')]));
    expect(await node.stats(queue)).toMatchObject({ depth: 3 });
  });

  it.each(['reject', 'discard-existing'] as const)(
    'does not ask to come again with what would not fit if it were empty (%s)',
    async (overflow) => {
      const bench = new QueueBench();
      const policy = { maxQueueLength: 3, maxQueueCapacityBytes: 1000, enqueueTimeoutMs: 5000, overflow };
      const queue = await bench.queue(policy);
      const node = bench.node();
      await node.enqueue(queue, [text('there')]);
      await expect(node.enqueue(queue, [sized(1001)])).rejects.toMatchObject({
        code: 'too_large',
        details: { limit: 1000 },
      });
      for (const [messages, limit] of [
        [Array.from({ length: 4 }, () => sized(1)), 3],
        [[sized(400), sized(400), sized(400)], 2],
      ] as const)
        await expect(node.enqueue(queue, messages)).rejects.toMatchObject({
          code: 'too_many_messages',
          details: { limit },
        });
      expect(await node.stats(queue)).toMatchObject({ depth: 1 });
    },
  );

  it('counts bytes where the policy does', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue({ maxQueueCapacityBytes: 1000 });
    const node = bench.node();
    await node.enqueue(queue, [sized(500)]);
    await node.enqueue(queue, [sized(500)]);
    for (const at of [node, bench.node()])
      await expect(bench.runtime.run(at.enqueue(queue, [sized(1)]))).rejects.toMatchObject({
        code: 'queue_full',
      });
  });

  it('throws away what comes where the policy says so, and tells', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue({ maxQueueLength: 3, overflow: 'discard-incoming' });
    const node = bench.node();
    const first = await node.enqueue(queue, [text('1'), text('2')]);
    expect(first.discarded).toBe(0);
    const second = await node.enqueue(queue, [text('3'), text('4'), text('5')]);
    expect(second).toMatchObject({ discarded: 2 });
    expect(second.messageIds).toHaveLength(1);
    expect((await node.peek(queue, 10)).map(({ message }) => message && textOf({ message }))).toEqual([
      '1',
      '2',
      '3',
    ]);
  });

  it('throws the oldest away where the policy says so, with their bodies, but none under lock', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue({ maxQueueLength: 3, overflow: 'discard-existing' });
    const node = bench.node();
    await node.enqueue(queue, [text('held')]);
    await bench.runtime.run(node.receive(queue, nobody));
    await node.enqueue(queue, [sized(100_000)]);
    await node.enqueue(queue, [text('2')]);
    await bench.runtime.run(node.enqueue(queue, [text('3')]));
    const seen = async () =>
      (await node.peek(queue, 10)).map(({ message }) => message && textOf({ message }));
    expect(await seen()).toEqual(['2', '3']);
    expect((await bench.storage.bodies.list(queue.container)).bodies).toEqual([]);
    await bench.runtime.run(node.enqueue(queue, [text('4'), text('5')]));
    expect(await seen()).toEqual(['4', '5']);
    await expect(
      bench.runtime.run(
        node.enqueue(
          queue,
          ['6', '7', '8'].map((each) => text(each)),
        ),
      ),
    ).rejects.toMatchObject({
      code: 'queue_full',
    });
    await expect(
      bench.runtime.run(
        node.enqueue(
          queue,
          Array.from({ length: 4 }, () => text('x')),
        ),
      ),
    ).rejects.toMatchObject({
      code: 'too_many_messages',
      details: { limit: 3 },
    });
  });
});

describe('a storage that fails while messages are enqueued', () => {
  it('for a moment costs only time', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    bench.fault = () =>
      bench.runtime.monotonic() < 3000 ? { kind: 'refuse', code: 'throttled' } : undefined;
    await bench.runtime.run(bench.node().enqueue(queue, [text('1'), sized(100_000)]));
    bench.fault = () => undefined;
    expect(await bench.node().stats(queue)).toMatchObject({ depth: 2 });
  });

  it('part-way tells how much is there for certain and how much may be', async () => {
    const bench = new QueueBench({ sendParallel: 1, sendForMs: 100 });
    const queue = await bench.queue();
    const node = bench.node();
    const messages = Array.from({ length: 10 }, (_, at) => text(`${at}`));
    let sends = 0;
    bench.fault = ({ operation }) =>
      operation === 'queues.send' && ++sends > 4 ? { kind: 'refuse', code: 'throttled' } : undefined;
    await expect(bench.runtime.run(node.enqueue(queue, messages))).rejects.toMatchObject({
      code: 'storage_unavailable',
      details: { enqueued: 4, unknown: 0 },
    });
    sends = 0;
    bench.fault = ({ operation }) =>
      operation === 'queues.send' && ++sends > 4 ? { kind: 'lose_answer' } : undefined;
    await expect(bench.runtime.run(node.enqueue(queue, messages))).rejects.toMatchObject({
      code: 'outcome_unknown',
      details: { enqueued: 4, unknown: 1 },
    });
    expect(await node.stats(queue)).toMatchObject({ depth: 9 });
  });

  it('leaves no body behind of a message that certainly was not sent', async () => {
    const bench = new QueueBench({ sendForMs: 100 });
    const queue = await bench.queue();
    bench.fault = ({ operation }) =>
      operation === 'queues.send' ? { kind: 'refuse', code: 'throttled' } : undefined;
    await expect(bench.runtime.run(bench.node().enqueue(queue, [sized(100_000)]))).rejects.toMatchObject({
      code: 'storage_unavailable',
      details: { enqueued: 0, unknown: 0 },
    });
    expect((await bench.storage.bodies.list(queue.container)).bodies).toEqual([]);
  });

  it('to a queue that is gone says so', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    await bench.storage.queues.deleteQueue(queue.queue);
    await expect(bench.runtime.run(bench.node().enqueue(queue, [text('x')]))).rejects.toMatchObject({
      code: 'gone',
    });
  });
});

describe('what lies in a storage queue and is none of ours', () => {
  it.each([
    ['text somebody put there by hand', Buffer.from('hello')],
    ['nothing', new Uint8Array()],
  ])('%s is dead-lettered as it is, and stops nobody', async (_, raw) => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    await bench.storage.queues.send(queue.queue, raw);
    await node.enqueue(queue, [text('real')]);
    const delivery = await bench.runtime.run(node.receive(queue, { timeoutMs: 5000, signal: undefined }));
    expect(delivery && textOf(delivery)).toBe('real');
    const letter = await bench.runtime.run(node.receive(deadLetterOf(queue), nobody));
    expect(Buffer.from(letter?.message.value ?? []).equals(raw)).toBe(true);
    expect(letter?.deadLetter?.reason).toContain('is not a message');
  });

  it('a damaged message likewise', async () => {
    const bench = new QueueBench();
    const queue = await bench.queue();
    const node = bench.node();
    await node.enqueue(queue, [text('job')]);
    const [held] = await bench.storage.queues.receive(queue.queue, { max: 1, visibilityTimeoutMs: 1000 });
    if (held === undefined) throw new Error('nothing there');
    const body = held.body.map((byte, at) => (at === held.body.length - 1 ? byte ^ 1 : byte));
    await bench.storage.queues.update(queue.queue, held, { visibilityTimeoutMs: 0, body });
    expect(await bench.runtime.run(node.receive(queue, nobody))).toBeUndefined();
    const letter = await bench.runtime.run(node.receive(deadLetterOf(queue), nobody));
    expect(letter?.deadLetter?.reason).toContain('CRC');
    expect(() => decodeBatch(letter?.message.value ?? new Uint8Array())).toThrow();
  });
});
