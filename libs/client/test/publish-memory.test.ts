import { expect, test } from 'vitest';
import type { Fault, Link } from './support/simulated-transport.ts';
import { setUp } from './support/virtual-cluster.ts';

/** The memory each batch was sent from, in the order of sending. */
function watch(faults: (turn: number) => Fault = () => 'none'): {
  link: Partial<Link>;
  sent: ArrayBufferLike[];
} {
  const sent: ArrayBufferLike[] = [];
  const link: Partial<Link> = {
    fault({ body }) {
      if (!(body instanceof Uint8Array)) return 'none';
      sent.push(body.buffer);
      return faults(sent.length - 1);
    },
  };
  return { link, sent };
}

const OPTIONS = { maxBatchBytes: 10_000, maxInFlight: 2 };
const messages = Array.from(
  { length: 80 },
  (_, index) => `${String(index).padStart(4, '0')}${'x'.repeat(996)}`,
);

test('batches that follow each other are framed in the memory of those that are stored', async () => {
  const { link, sent } = watch();
  const { runtime, cluster, client } = setUp(link, OPTIONS);
  await runtime.run(client.publish('orders', messages));
  expect(cluster.stream('orders').values).toEqual(messages);
  expect(sent.length).toBeGreaterThan(6);
  expect(new Set(sent).size).toBeLessThanOrEqual(3);
});

test('what was sent more than once keeps its memory to itself', async () => {
  const { link, sent } = watch((turn) => (turn === 0 ? 'lose-answer' : 'none'));
  const { runtime, cluster, client } = setUp(link, { ...OPTIONS, maxInFlight: 1 });
  await runtime.run(client.publish('orders', messages));
  expect(cluster.stream('orders').values).toEqual(messages);
  const [first, again, ...later] = sent;
  expect(again).toBe(first);
  expect(later.length).toBeGreaterThan(6);
  expect(later).not.toContain(first);
});

test('no memory is kept once all is stored', async () => {
  const { link, sent } = watch();
  const { runtime, client } = setUp(link, OPTIONS);
  await runtime.run(client.publish('orders', 'one'));
  await runtime.run(client.publish('orders', 'two'));
  expect(sent[1]).not.toBe(sent[0]);
});
