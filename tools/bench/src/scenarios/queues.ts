import { setTimeout as pause } from 'node:timers/promises';
import { QueueClient } from '@azure/storage-queue';
import type { QueueStore } from '@message-vault/storage';
import type { Lab } from '../lab.ts';
import { sampleValues } from '../lab.ts';
import { fixed, median, quantile, type Row } from '../report.ts';
import type { BenchOptions } from '../scenario.ts';

const WORKERS = 64;
const WAITING = 100;
const ROUNDS = 3;
const VALUE_BYTES = 1024;
const LOCK_SECONDS = 60;

/** 64 workers that each put a message in, take one out under a lock and acknowledge it, over and over: ours and the bare queue in turns. */
export async function queueRate(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const [value = new Uint8Array(VALUE_BYTES)] = await sampleValues(1, VALUE_BYTES, options.data);
  const client = lab.client();
  await client.name('bench/queue').assign({ role: 'queue', lockDuration: `PT${LOCK_SECONDS}S` });
  const queue = client.queue('bench/queue');
  const { connection } = lab.cluster.storage;
  const inFolder = connection.startsWith('file:');
  const bareTurn = inFolder
    ? await folderTurns(lab.storage.queues, value)
    : await sdkTurns(new QueueClient(connection, `raw-${process.pid}`), value);
  const ours: number[] = [];
  const raw: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    raw.push(await messagesPerSecond(options, bareTurn));
    ours.push(
      await messagesPerSecond(options, async () => {
        await client.publish('bench/queue', value);
        const message = await queue.receive({ waitSeconds: 30 });
        if (message === undefined) throw new Error('a queue that holds a message gave none');
        await message.lock.acknowledge();
      }),
    );
  }
  const ratio = median(ours.map((rate, round) => rate / (raw[round] ?? Number.NaN)));
  return [
    {
      what: `queue: ${WORKERS} producers and consumers, send + peek-lock + acknowledge`,
      ours: `${fixed(median(ours), 0)}/s`,
      against: `${fixed(median(raw), 0)}/s, the same by the bare ${inFolder ? 'storage' : 'SDK'}`,
      result: `${fixed(ratio)} ×`,
      goal: '≥ 0.6 ×',
      met: ratio >= 0.6,
    },
  ];
}

async function sdkTurns(queue: QueueClient, value: Uint8Array): Promise<() => Promise<void>> {
  await queue.create();
  const text = Buffer.from(value).toString('base64');
  return async () => {
    await queue.sendMessage(text);
    for (;;) {
      const { receivedMessageItems } = await queue.receiveMessages({
        numberOfMessages: 1,
        visibilityTimeout: LOCK_SECONDS,
      });
      const [message] = receivedMessageItems;
      if (message === undefined) continue;
      await queue.deleteMessage(message.messageId, message.popReceipt);
      return;
    }
  };
}

/** No SDK is barer there than our own calls. */
async function folderTurns(queues: QueueStore, value: Uint8Array): Promise<() => Promise<void>> {
  const queue = `raw-${process.pid}`;
  await queues.createQueue(queue);
  return async () => {
    await queues.send(queue, value);
    for (;;) {
      const how = { max: 1, visibilityTimeoutMs: LOCK_SECONDS * 1000 };
      const [message] = await queues.receive(queue, how);
      if (message === undefined) continue;
      await queues.delete(queue, message);
      return;
    }
  };
}

async function messagesPerSecond({ roundMs }: BenchOptions, turn: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  let turns = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() - startedAt < roundMs) {
      await turn();
      turns += 1;
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
  return turns / ((performance.now() - startedAt) / 1000);
}

/** What a hundred consumers that wait on an empty queue cost the storage, and how soon one of them has a message. */
export async function queueWaiting(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const client = lab.client();
  await client.name('bench/empty').assign({ role: 'queue' });
  await client.name('bench/low').assign({ role: 'queue' });
  return [await idleCost(lab, options), await latency(lab, options)];
}

async function idleCost(lab: Lab, options: BenchOptions): Promise<Row> {
  const seconds = options.quick ? 5 : 20;
  const queue = lab.client().queue('bench/empty');
  const waiting = Array.from({ length: WAITING }, () => queue.receive({ waitSeconds: seconds + 6 }));
  await pause(3000);
  const before = await lab.counter(lab.masterUrl, 'mvault_storage_calls_total', 'queues.');
  await pause(seconds * 1000);
  const calls = (await lab.counter(lab.masterUrl, 'mvault_storage_calls_total', 'queues.')) - before;
  await Promise.all(waiting);
  return {
    what: `${WAITING} consumers waiting on an empty queue: storage calls a second`,
    ours: `${calls} in ${seconds} s`,
    against: '–',
    result: `${fixed(calls / seconds, 1)}/s`,
    goal: '< 5/s',
    met: calls / seconds < 5,
  };
}

async function latency(lab: Lab, options: BenchOptions): Promise<Row> {
  const client = lab.client();
  const queue = client.queue('bench/low');
  const took: number[] = [];
  const wanted = options.quick ? 20 : 100;
  for (let count = 0; count < wanted; count++) {
    const received = queue.receive({ waitSeconds: 30 });
    await pause(100 + ((count * 37) % 150));
    const sentAt = performance.now();
    await client.publish('bench/low', `message ${count}`);
    const message = await received;
    took.push(performance.now() - sentAt);
    await message?.lock.acknowledge();
  }
  return {
    what: 'from enqueue to receive at low load, p50',
    ours: `${fixed(median(took), 1)} ms (p99 ${fixed(quantile(took, 0.99), 1)})`,
    against: '–',
    result: `${fixed(median(took), 1)} ms`,
    goal: '< 60 ms',
    met: median(took) < 60,
  };
}
