import { crc32 } from 'node:zlib';
import { deadLetterOf } from '@message-vault/metadata';
import { expect, it } from 'vitest';
import { nobody, QueueBench, text, textOf } from './support/bench.ts';

async function bench() {
  const bench = new QueueBench();
  const queue = await bench.queue({ lockDurationMs: 10_000 });
  return { bench, queue, letters: deadLetterOf(queue), node: bench.node() };
}

it('what nobody can read among dead letters is given out as bytes, once, with the reason', async () => {
  const { bench: around, letters, node } = await bench();
  const raw = Buffer.from('put there by hand');
  await around.storage.queues.send(letters.queue, raw);
  const take = () => around.runtime.run(node.receive(letters, { timeoutMs: 60_000, signal: undefined }));
  const found = await take();
  expect(Buffer.from(found?.message.value ?? []).equals(raw)).toBe(true);
  expect(found?.deadLetter?.reason).toContain('does not begin as an envelope');
  await around.runtime.run(node.acknowledge(letters, found?.lock?.id ?? ''));
  expect(await take()).toBeUndefined();
  expect((await around.storage.queues.properties(letters.queue)).approximateCount).toBe(0);
});

it('a message of a version that is still to come is left to nodes that know it, as it is', async () => {
  const { bench: around, queue, letters, node } = await bench();
  await node.enqueue(queue, [text('of tomorrow')]);
  const [held] = await around.storage.queues.receive(queue.queue, { max: 1, visibilityTimeoutMs: 1000 });
  if (held === undefined) throw new Error('nothing there');
  const original = Buffer.from(held.body);
  const newer = Buffer.from(original);
  newer.writeUInt8(9, 8);
  newer.writeUInt32LE(crc32(newer.subarray(8)), 4);
  await around.storage.queues.update(queue.queue, held, { visibilityTimeoutMs: 0, body: newer });
  expect(await around.runtime.run(node.receive(queue, nobody))).toBeUndefined();
  expect(await around.runtime.run(node.receive(letters, nobody))).toBeUndefined();
  await around.runtime.advance(60_000);
  const [again] = await around.storage.queues.receive(queue.queue, { max: 1, visibilityTimeoutMs: 1000 });
  expect(again && Buffer.from(again.body).equals(newer)).toBe(true);
  if (again === undefined) return;
  await around.storage.queues.update(queue.queue, again, { visibilityTimeoutMs: 0, body: original });
  const delivery = await around.runtime.run(node.receive(queue, { timeoutMs: 5000, signal: undefined }));
  expect(delivery && textOf(delivery)).toBe('of tomorrow');
});
