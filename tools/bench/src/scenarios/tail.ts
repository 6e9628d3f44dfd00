import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Lab } from '../lab.ts';
import { fixed, median, quantile, type Row } from '../report.ts';
import type { BenchOptions } from '../scenario.ts';

const FEW = 10;
const MANY = 1000;

/** What following a stream's tail costs the storage, for ten consumers and for a thousand. */
export async function fanOut(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const few = await readsFor(lab, FEW, options);
  const many = await readsFor(lab, MANY, options);
  return [
    {
      what: `storage reads while ${MANY} SSE consumers follow one stream`,
      ours: `${many.reads} for ${many.events} events`,
      against: `${few.reads} for ${few.events} events, with ${FEW} consumers`,
      result: `${fixed(many.reads / few.reads)} ×`,
      goal: 'no more',
      // Polling is paced by the clock, so two runs differ by a few reads whoever is listening.
      met: many.reads <= few.reads * 1.1 && many.missed === 0,
    },
  ];
}

async function readsFor(
  lab: Lab,
  consumers: number,
  options: BenchOptions,
): Promise<{ reads: number; events: number; missed: number }> {
  const stream = `fan-out-${consumers}`;
  const client = lab.client();
  await client.publish(stream, 'first');
  const agent = new Agent({ connections: consumers, bodyTimeout: 0 });
  const connected = await Promise.all(
    Array.from({ length: consumers }, () => follow(agent, `${lab.readerUrl}/${stream}?from=latest`)),
  );
  await pause(500);
  const before = await storageReads(lab);
  const published = options.quick ? 20 : 50;
  for (let count = 0; count < published; count++) {
    await client.publish(stream, `message ${count}`);
    await pause(100);
  }
  await pause(500);
  const reads = (await storageReads(lab)) - before;
  const events = connected.reduce((sum, consumer) => sum + consumer.events(), 0);
  await agent.destroy();
  return { reads, events, missed: published * consumers - events };
}

async function follow(agent: Agent, url: string): Promise<{ events(): number }> {
  const { body } = await request(url, { dispatcher: agent, headers: { accept: 'text/event-stream' } });
  let events = 0;
  body.on('data', (chunk: Buffer) => {
    for (let at = chunk.indexOf('data:'); at >= 0; at = chunk.indexOf('data:', at + 5)) events += 1;
  });
  body.on('error', () => {}); // Ended by us, when the count has been taken.
  return { events: () => events };
}

async function storageReads(lab: Lab): Promise<number> {
  return lab.counter(lab.readerUrl, 'mvault_storage_calls_total', 'operation="readRange"');
}

/** From calling publish to holding the message in a tail, a few messages a second. */
export async function publishToTail(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const publisher = lab.client();
  const consumer = lab.client({ urls: [lab.readerUrl] });
  const stream = 'followed';
  await publisher.publish(stream, 'first');
  const sentAt = new Map<string, number>();
  const latencies: number[] = [];
  const stop = new AbortController();
  const wanted = options.quick ? 30 : 150;
  const following = (async () => {
    for await (const message of consumer.tail(stream, { signal: stop.signal })) {
      const sent = sentAt.get(message.text());
      if (sent !== undefined) latencies.push(performance.now() - sent);
      if (latencies.length === wanted) return;
    }
  })();
  await pause(500);
  for (let count = 0; count < wanted; count++) {
    const value = `message ${count}`;
    sentAt.set(value, performance.now());
    await publisher.publish(stream, value);
    // Irregular, so that no pace of polling happens to fit.
    await pause(100 + ((count * 37) % 150));
  }
  const late = pause(5000).then(() => stop.abort(new Error('not every message came')));
  await Promise.race([following, late]);
  const withRedis = lab.redis;
  const goalMs = withRedis ? 10 : 25;
  return [
    {
      what: `publish to tail, p50, ${withRedis ? 'with' : 'without'} Redis`,
      ours: `${fixed(median(latencies), 1)} ms (p99 ${fixed(quantile(latencies, 0.99), 1)})`,
      against: '–',
      result: `${fixed(median(latencies), 1)} ms`,
      goal: `< ${goalMs} ms`,
      met: median(latencies) < goalMs && latencies.length === wanted,
    },
  ];
}
