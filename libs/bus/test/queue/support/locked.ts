import type { QueueDelivery } from '../../../src/index.ts';
import { nobody, QueueBench, text } from './bench.ts';

/** A queue with one message, which is under lock for ten seconds. */
export async function oneLocked(policy = {}) {
  const bench = new QueueBench();
  const queue = await bench.queue({ lockDurationMs: 10_000, ...policy });
  const node = bench.node();
  await node.enqueue(queue, [text('job')]);
  return { bench, queue, node, held: await take(bench, node.receive(queue, nobody)) };
}

export async function take(bench: QueueBench, receiving: Promise<QueueDelivery | undefined>) {
  const delivery = await bench.runtime.run(receiving);
  if (delivery?.lock === undefined) throw new Error('nothing came under lock');
  return { ...delivery, lock: delivery.lock };
}
