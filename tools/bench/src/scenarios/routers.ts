import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { VaultClient } from '@message-vault/client';
import type { Lab } from '../lab.ts';
import { sampleValues } from '../lab.ts';
import { fixed, median, type Row } from '../report.ts';
import type { BenchOptions } from '../scenario.ts';

const TARGETS = 4;
const ROUNDS = 3;
const PER_BATCH = 250;
const AT_ONCE = 4;
const PATIENCE_MS = 120_000;

/** Messages through a router into four streams, next to publishing them to the four streams directly. */
export async function routerToStreams(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const client = lab.client();
  const router = await fanOutRouter(client, 'bench/all');
  const values = await sampleValues(options.quick ? 5000 : 20_000, 1024, options.data);
  const direct = Array.from({ length: TARGETS }, (_, index) => `bench/direct/${index}`);
  const ours: number[] = [];
  const plain: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const directly = await perSecond(values.length, async () => {
      await Promise.all(direct.map((stream) => publishAll(client, stream, values)));
    });
    const routed = await perSecond(values.length, () => throughRouter(client, router, values));
    // The first round is for warming up.
    if (round > 0) plain.push(directly);
    if (round > 0) ours.push(routed);
  }
  const ratio = median(ours.map((rate, round) => rate / (plain[round] ?? Number.NaN)));
  return [
    {
      what: `router (all) with ${TARGETS} stream targets, until all have everything`,
      ours: `${fixed(median(ours), 0)} messages/s`,
      against: `${fixed(median(plain), 0)} messages/s, published to each directly`,
      result: `${fixed(ratio)} ×`,
      goal: '≥ 0.5 ×',
      met: ratio >= 0.5,
    },
  ];
}

/** The same router with and without one more subscriber, a webhook that takes requests and never answers. */
export async function hungSubscriber(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const client = lab.client();
  const hung = await startHangingSink();
  try {
    const well = await fanOutRouter(client, 'bench/well');
    const burdened = await fanOutRouter(client, 'bench/burdened');
    await client.router('bench/burdened').subscribe({ webhook: hung.url });
    const values = await sampleValues(options.quick ? 5000 : 20_000, 1024, options.data);
    const ratios: number[] = [];
    for (let round = 0; round <= 2 * ROUNDS; round++) {
      // In turns, and in changing order, so that neither profits from what the other leaves behind.
      const order = round % 2 === 0 ? [well, burdened] : [burdened, well];
      const rates = new Map<Router, number>();
      for (const router of order)
        rates.set(router, await perSecond(values.length, () => throughRouter(client, router, values)));
      if (round > 0) ratios.push((rates.get(burdened) ?? 0) / (rates.get(well) ?? Number.NaN));
    }
    const cost = 1 - median(ratios);
    return [
      {
        what: 'what a subscriber that hangs costs the other four',
        ours: `${fixed(median(ratios), 2)} × the rate`,
        against: '1 ×, without it',
        result: `${fixed(100 * cost, 1)} %`,
        goal: '< 5 %',
        met: cost < 0.05,
      },
    ];
  } finally {
    await hung.close();
  }
}

interface Router {
  readonly name: string;
  readonly targets: readonly string[];
}

async function fanOutRouter(client: VaultClient, name: string): Promise<Router> {
  await client.name(name).assign({ role: 'router', messageDistribution: 'all' });
  const targets = Array.from({ length: TARGETS }, (_, index) => `${name}/to/${index}`);
  for (const target of targets) {
    await client.name(target).assign({ role: 'stream' });
    await client.router(name).subscribe({ name: target });
  }
  return { name, targets };
}

async function perSecond(messages: number, run: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return messages / ((performance.now() - startedAt) / 1000);
}

async function throughRouter(
  client: VaultClient,
  router: Router,
  values: readonly Uint8Array[],
): Promise<void> {
  const before = await Promise.all(router.targets.map((target) => countOf(client, target)));
  await publishAll(client, router.name, values);
  await Promise.all(
    router.targets.map((target, at) => reached(client, target, (before[at] ?? 0) + values.length)),
  );
}

async function publishAll(client: VaultClient, name: string, values: readonly Uint8Array[]): Promise<void> {
  const batches: Uint8Array[][] = [];
  for (let at = 0; at < values.length; at += PER_BATCH) batches.push(values.slice(at, at + PER_BATCH));
  const publisher = async (): Promise<void> => {
    for (let batch = batches.pop(); batch !== undefined; batch = batches.pop())
      await client.publish(name, batch);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, publisher));
}

async function countOf(client: VaultClient, stream: string): Promise<number> {
  return (await client.stats(stream)).nextSequenceNumber;
}

async function reached(client: VaultClient, stream: string, count: number): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const stored = await countOf(client, stream);
    if (stored === count) return;
    if (stored > count) throw new Error(`${stream} has ${stored} messages instead of ${count}`);
    if (performance.now() > deadline) throw new Error(`${stream} has only ${stored} of ${count} messages`);
    await pause(5);
  }
}

/** Agrees to be a webhook, and then answers nothing any more. */
async function startHangingSink(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    request.resume();
    if (request.method === 'OPTIONS')
      response.writeHead(200, { 'WebHook-Allowed-Origin': '*', 'WebHook-Allowed-Rate': '*' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hangs`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
