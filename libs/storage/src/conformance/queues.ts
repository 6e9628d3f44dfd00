import { describe, expect, it } from 'vitest';
import type { MessageReceipt, QueueStore, ReceivedMessage } from '../ports.ts';
import { MAX_QUEUE_BODY_BYTES } from '../rules.ts';
import { codeOf, freshName } from './outcomes.ts';

export interface QueueConformanceTarget {
  readonly queues: QueueStore;
  /** Answers when `ms` have gone by on the storage's clock since the call. */
  pass(ms: number): Promise<void>;
}

interface Fresh extends QueueConformanceTarget {
  readonly queue: string;
  /** Sends one message of that text. */
  send(text: string, times?: { delayMs?: number; timeToLiveMs?: number }): Promise<MessageReceipt>;
  /** Receives one message, if one is to be seen. */
  take(visibilityTimeoutMs?: number): Promise<ReceivedMessage | undefined>;
}

type FreshQueue = () => Promise<Fresh>;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (body: Uint8Array): string => new TextDecoder().decode(body);

/**
 * The shortest visibility timeout there is, and a while after which it is over wherever whole seconds are counted. What
 * must still be hidden is hidden for much longer, since on a busy machine a second passes between two calls.
 */
const second = 1000;
const wellOver = 2_500;

/**
 * Everything the queue engine relies on in a QueueStore, as tests. `make` is called for every test; it may answer the
 * same store every time, since each test uses a queue of its own. Tests run at the same time, since on a real service
 * some have to wait for a timeout to run out.
 */
export function runQueueStoreConformance(name: string, make: () => QueueConformanceTarget): void {
  async function fresh(): Promise<Fresh> {
    const target = make();
    const queue = freshName('mv-queue');
    await target.queues.createQueue(queue);
    return {
      ...target,
      queue,
      send: (body, times) => target.queues.send(queue, bytes(body), times),
      async take(visibilityTimeoutMs = 60_000) {
        const received = await target.queues.receive(queue, { max: 1, visibilityTimeoutMs });
        expect(received.length).toBeLessThanOrEqual(1);
        return received[0];
      },
    };
  }
  describe.concurrent(`${name}: queue store`, () => {
    sending(fresh);
    locking(fresh);
    receipts(fresh);
    times(fresh);
    whole(fresh);
  });
}

function sending(fresh: FreshQueue): void {
  it('what was sent comes back byte for byte, be it nothing, every byte there is or the most there may be', async () => {
    const { queue, queues } = await fresh();
    const bodies = [
      new Uint8Array(0),
      Uint8Array.from({ length: 256 }, (_, i) => i),
      bytes('<MessageText>&amp;</MessageText>'),
      new Uint8Array(MAX_QUEUE_BODY_BYTES).fill(0xff),
    ];
    for (const body of bodies) await queues.send(queue, body);
    const received = await queues.receive(queue, { max: 32, visibilityTimeoutMs: 60_000 });
    const inOrder = (a: Uint8Array, b: Uint8Array): number => a.length - b.length;
    expect(received.map(({ body }) => body).sort(inOrder)).toEqual([...bodies].sort(inOrder));
  });

  it('tells of a message its id, when it was sent, and how often it was received', async () => {
    const { send, take, queue, queues } = await fresh();
    const sent = await send('one');
    const [peeked] = await queues.peek(queue, 1);
    expect(peeked).toMatchObject({ messageId: sent.messageId, dequeueCount: 0, expiresAt: undefined });
    const received = await take();
    expect(received).toMatchObject({ messageId: sent.messageId, dequeueCount: 1, expiresAt: undefined });
    expect(received?.insertedAt).toBe(peeked?.insertedAt);
  });

  it('a message too large, more messages than there may be, and times that can not be are invalid', async () => {
    const { queue, queues, send } = await fresh();
    const receipt = await send('there');
    const tooLarge = new Uint8Array(MAX_QUEUE_BODY_BYTES + 1);
    const week = 7 * 24 * 3_600_000;
    const visibilityTimeoutMs = 60_000;
    const bad: (() => Promise<unknown>)[] = [
      () => queues.send(queue, tooLarge),
      () => queues.update(queue, receipt, { visibilityTimeoutMs: 0, body: tooLarge }),
      ...[-1, Number.NaN, week + 1].map((delayMs) => () => queues.send(queue, bytes('x'), { delayMs })),
      ...[0, -1, Number.NaN, 1e16].map(
        (timeToLiveMs) => () => queues.send(queue, bytes('x'), { timeToLiveMs }),
      ),
      () => queues.send(queue, bytes('x'), { delayMs: 1500, timeToLiveMs: 1600 }),
      ...[0, 1.5, 33].map((max) => () => queues.receive(queue, { max, visibilityTimeoutMs })),
      ...[0, 33].map((max) => () => queues.peek(queue, max)),
      ...[0, 999, week + 1].map(
        (timeout) => () => queues.receive(queue, { max: 1, visibilityTimeoutMs: timeout }),
      ),
      ...[-1, week + 1].map(
        (timeout) => () => queues.update(queue, receipt, { visibilityTimeoutMs: timeout }),
      ),
    ];
    for (const call of bad) expect(await codeOf(call())).toBe('invalid_request');
    expect(await queues.properties(queue)).toEqual({ approximateCount: 1 });
  });

  it('the sender can take back what nobody has received yet, and not what somebody has', async () => {
    const { queue, queues, send, take } = await fresh();
    const kept = await send('kept');
    await queues.delete(queue, kept);
    expect(await take()).toBeUndefined();
    const taken = await send('taken');
    await take();
    expect(await codeOf(queues.delete(queue, taken))).toBe('receipt_lost');
  });
}

function locking(fresh: FreshQueue): void {
  it('a received message is hidden from everybody, and gone when it is deleted', async () => {
    const { queue, queues, send, take } = await fresh();
    await send('one');
    const held = await take();
    expect(held && text(held.body)).toBe('one');
    expect(await take()).toBeUndefined();
    expect(await queues.peek(queue, 32)).toEqual([]);
    if (held) await queues.delete(queue, held);
    expect(await queues.properties(queue)).toEqual({ approximateCount: 0 });
  });

  it('several at once: each message is received once, up to as many as were asked for', async () => {
    const { queue, queues, send } = await fresh();
    const sent = await Promise.all(Array.from({ length: 20 }, (_, i) => send(`m${i}`)));
    const receive = (): Promise<ReceivedMessage[]> =>
      queues.receive(queue, { max: 6, visibilityTimeoutMs: 60_000 });
    const received = await Promise.all([receive(), receive(), receive(), receive(), receive()]);
    for (const some of received) expect(some.length).toBeLessThanOrEqual(6);
    const ids = received.flat().map(({ messageId }) => messageId);
    expect(ids.sort()).toEqual(sent.map(({ messageId }) => messageId).sort());
  });

  it('a message whose time is over is seen again, received once more and under another receipt', async () => {
    const { send, take, pass } = await fresh();
    await send('again');
    const first = (await take(second)) ?? expect.unreachable('nothing to take');
    await pass(wellOver);
    const next = await take();
    expect(next).toMatchObject({ messageId: first.messageId, dequeueCount: 2 });
    expect(next?.popReceipt).not.toBe(first.popReceipt);
  });

  it('peeking hides nothing, counts for nothing and shows what is hidden to nobody', async () => {
    const { queue, queues, send, take } = await fresh();
    await send('one');
    const first = await queues.peek(queue, 32);
    expect(first.map(({ body }) => text(body))).toEqual(['one']);
    expect(await queues.peek(queue, 32)).toEqual(first);
    expect((await take())?.dequeueCount).toBe(1);
    expect(await queues.peek(queue, 32)).toEqual([]);
  });

  it('peeks at no more than it was asked for', async () => {
    const { queue, queues, send } = await fresh();
    for (const each of ['a', 'b', 'c']) await send(each);
    expect(await queues.peek(queue, 2)).toHaveLength(2);
    expect(await queues.receive(queue, { max: 32, visibilityTimeoutMs: 60_000 })).toHaveLength(3);
  });

  it('counts the invisible too', async () => {
    const { queue, queues, send, take } = await fresh();
    await send('now');
    await send('later', { delayMs: 60_000 });
    await send('held');
    await take();
    expect(await queues.properties(queue)).toEqual({ approximateCount: 3 });
  });
}

function receipts(fresh: FreshQueue): void {
  it('an update replaces the receipt: the new one is good, and the old one deletes and updates nothing', async () => {
    const { queue, queues, send, take } = await fresh();
    await send('one');
    const held = (await take()) ?? expect.unreachable('nothing to take');
    const { popReceipt } = await queues.update(queue, held, { visibilityTimeoutMs: 60_000 });
    expect(popReceipt).not.toBe(held.popReceipt);
    expect(await codeOf(queues.delete(queue, held))).toBe('receipt_lost');
    expect(await codeOf(queues.update(queue, held, { visibilityTimeoutMs: 0 }))).toBe('receipt_lost');
    expect(await take()).toBeUndefined();
    await queues.delete(queue, { ...held, popReceipt });
    expect(await queues.properties(queue)).toEqual({ approximateCount: 0 });
  });

  it('a receipt outlives its time until somebody else takes the message, and not a moment longer', async () => {
    const { queue, queues, send, take, pass } = await fresh();
    await send('late');
    await send('taken over');
    const [late, over] = await queues.receive(queue, { max: 2, visibilityTimeoutMs: second });
    if (late === undefined || over === undefined) expect.unreachable('nothing to take');
    await pass(wellOver);
    await queues.delete(queue, late);
    expect((await take())?.messageId).toBe(over.messageId);
    expect(await codeOf(queues.delete(queue, over))).toBe('receipt_lost');
    expect(await codeOf(queues.update(queue, over, { visibilityTimeoutMs: 0 }))).toBe('receipt_lost');
  });

  it('a message is deleted once: whoever comes again finds the receipt lost', async () => {
    const { queue, queues, send, take } = await fresh();
    await send('one');
    const held = (await take()) ?? expect.unreachable('nothing to take');
    await queues.delete(queue, held);
    expect(await codeOf(queues.delete(queue, held))).toBe('receipt_lost');
    expect(await codeOf(queues.update(queue, held, { visibilityTimeoutMs: 0 }))).toBe('receipt_lost');
  });

  it('made-up and foreign receipts are lost ones, and harm no message', async () => {
    const { queue, queues, send, take } = await fresh();
    await send('mine');
    await send('theirs');
    const mine = (await take()) ?? expect.unreachable('nothing to take');
    const theirs = (await take()) ?? expect.unreachable('nothing to take');
    const { messageId, popReceipt } = mine;
    const made = [
      { messageId, popReceipt: theirs.popReceipt === popReceipt ? 'AAAA' : theirs.popReceipt },
      { messageId: crypto.randomUUID(), popReceipt },
      { messageId, popReceipt: 'AgAAAAMAAAAAAAAAAAAAAAAAAAA=' },
      { messageId, popReceipt: 'no receipt' },
      { messageId, popReceipt: '%&?/\\"<>' },
      { messageId, popReceipt: '' },
      { messageId: '', popReceipt },
      { messageId: '..', popReceipt },
      { messageId: `${messageId}/../${messageId}`, popReceipt },
      { messageId: 'x'.repeat(5000), popReceipt },
    ];
    for (const receipt of made) {
      expect(await codeOf(queues.delete(queue, receipt))).toBe('receipt_lost');
      expect(await codeOf(queues.update(queue, receipt, { visibilityTimeoutMs: 0 }))).toBe('receipt_lost');
    }
    expect(await queues.properties(queue)).toEqual({ approximateCount: 2 });
    await queues.delete(queue, mine);
    await queues.delete(queue, theirs);
  });
}

function times(fresh: FreshQueue): void {
  it('given back with 0, a message is seen at once, and this was one receive', async () => {
    const { queue, queues, send, take } = await fresh();
    const { messageId } = await send('back');
    const held = (await take()) ?? expect.unreachable('nothing to take');
    await queues.update(queue, held, { visibilityTimeoutMs: 0 });
    expect(await take()).toMatchObject({ messageId, dequeueCount: 2 });
  });

  it('renewed, a message stays hidden past its first time; given back with a delay, until that is over', async () => {
    const { queue, queues, send, take, pass } = await fresh();
    await send('renewed');
    const held = (await take(second)) ?? expect.unreachable('nothing to take');
    const renewed = await queues.update(queue, held, { visibilityTimeoutMs: 60_000 });
    await pass(wellOver);
    expect(await take()).toBeUndefined();
    await queues.update(queue, { ...held, ...renewed }, { visibilityTimeoutMs: second });
    await pass(wellOver);
    expect((await take())?.messageId).toBe(held.messageId);
  });

  it('an update may replace the body, be it with nothing, and leaves it alone otherwise', async () => {
    const { queue, queues, send, take } = await fresh();
    await send('before');
    const bodies: string[] = [];
    for (const body of [undefined, bytes('after'), new Uint8Array(0)]) {
      const held = (await take()) ?? expect.unreachable('nothing to take');
      await queues.update(queue, held, { visibilityTimeoutMs: 0, body });
      bodies.push(...(await queues.peek(queue, 1)).map((peeked) => text(peeked.body)));
    }
    expect(bodies).toEqual(['before', 'after', '']);
  });

  it('a delayed message is neither seen nor received before its time', async () => {
    const { queue, queues, send, take, pass } = await fresh();
    await send('much later', { delayMs: 600_000 });
    const { messageId } = await send('later', { delayMs: 1_500 });
    await pass(wellOver + second);
    expect((await queues.peek(queue, 32)).map((peeked) => peeked.messageId)).toEqual([messageId]);
    expect(await take()).toMatchObject({ messageId, dequeueCount: 1 });
    expect(await take()).toBeUndefined();
  });

  it('a message is gone when its time to live is over, even for whoever has its receipt', async () => {
    const { queue, queues, send, pass } = await fresh();
    const short = await send('short', { timeToLiveMs: 1_500 });
    await send('stays', { timeToLiveMs: 599_001 });
    await pass(wellOver + second);
    const [left, ...others] = await queues.peek(queue, 32);
    expect(left && text(left.body)).toBe('stays');
    expect(left?.expiresAt).toBe((left?.insertedAt ?? 0) + 600_000);
    expect(others).toEqual([]);
    expect(await codeOf(queues.delete(queue, short))).toBe('receipt_lost');
  });
}

function whole(fresh: FreshQueue): void {
  it('making a queue that is there changes nothing', async () => {
    const { queue, queues, send, take } = await fresh();
    await send('one');
    await queues.createQueue(queue);
    expect(await take()).toBeDefined();
  });

  it('a queue that was never made, or is deleted, is not found, and deleting it again succeeds', async () => {
    const { queue, queues, send, take } = await fresh();
    await send('one');
    const held = (await take()) ?? expect.unreachable('nothing to take');
    await queues.deleteQueue(queue);
    await queues.deleteQueue(queue);
    for (const gone of [queue, freshName('mv-never')]) {
      const calls: (() => Promise<unknown>)[] = [
        () => queues.send(gone, bytes('x')),
        () => queues.receive(gone, { max: 1, visibilityTimeoutMs: second }),
        () => queues.update(gone, held, { visibilityTimeoutMs: 0 }),
        () => queues.delete(gone, held),
        () => queues.peek(gone, 1),
        () => queues.properties(gone),
      ];
      for (const call of calls) expect(await codeOf(call())).toBe('not_found');
    }
  });

  it('queues keep their messages apart', async () => {
    const { queue, queues, send } = await fresh();
    const other = freshName('mv-other');
    await queues.createQueue(other);
    await send('here');
    expect(await queues.peek(other, 1)).toEqual([]);
    expect(await queues.peek(queue, 1)).toHaveLength(1);
  });

  it('a name that can not be a queue’s is invalid', async () => {
    const { queues } = await fresh();
    for (const bad of ['', 'ab', 'Upper', 'a--b', '-ab', 'a/b', 'a'.repeat(64)]) {
      expect(await codeOf(queues.createQueue(bad))).toBe('invalid_request');
      expect(await codeOf(queues.send(bad, bytes('x')))).toBe('invalid_request');
    }
  });
}
