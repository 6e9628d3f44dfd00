import { setTimeout as pause } from 'node:timers/promises';
import { type Lab, sampleValues } from '../lab.ts';
import { fixed, type Row } from '../report.ts';
import type { BenchOptions } from '../scenario.ts';
import { startWebhookSink, type WebhookSink } from '../webhook-sink.ts';

const HOOKS = 4;
const GOAL_PER_CORE = 2000;
const PATIENCE_MS = 120_000;

/**
 * A router that gives every message of 1 KiB to four webhooks: pushes a second, and pushes for each second of CPU that
 * the master spends on all of it (taking in, storing, reading back, signing, sending). The sink runs in this process.
 */
export async function webhookFanOut(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const sink = await startWebhookSink();
  try {
    return [rowOf(await pushAll(lab, sink, options))];
  } finally {
    await sink.close();
  }
}

interface Measured {
  readonly pushes: number;
  readonly elapsedMs: number;
  readonly cpuSeconds: number;
}

async function pushAll(lab: Lab, sink: WebhookSink, options: BenchOptions): Promise<Measured> {
  const client = lab.client();
  const router = 'fan-out/hooks';
  await client.name(router).assign({ role: 'router', messageDistribution: 'all' });
  for (let hook = 0; hook < HOOKS; hook++)
    await client.router(router).subscribe({ webhook: `${sink.url}/${hook}` });
  const values = await sampleValues(options.quick ? 2000 : 20_000, 1024, options.data);
  await client.publish(router, values.slice(0, 100));
  await received(sink, 100 * HOOKS);
  const cpuBefore = await cpuSeconds(lab);
  const startedAt = performance.now();
  for (let at = 0; at < values.length; at += 500) await client.publish(router, values.slice(at, at + 500));
  await received(sink, (values.length + 100) * HOOKS);
  const elapsedMs = performance.now() - startedAt;
  return { pushes: values.length * HOOKS, elapsedMs, cpuSeconds: (await cpuSeconds(lab)) - cpuBefore };
}

async function received(sink: WebhookSink, pushes: number): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (sink.received() < pushes) {
    if (performance.now() > deadline)
      throw new Error(`only ${sink.received()} of ${pushes} pushes have come`);
    await pause(5);
  }
}

function cpuSeconds(lab: Lab): Promise<number> {
  return lab.counter(lab.masterUrl, 'mvault_process_cpu_seconds_total');
}

function rowOf({ pushes, elapsedMs, cpuSeconds: spent }: Measured): Row {
  const perCore = pushes / spent;
  return {
    what: `router to ${HOOKS} webhooks, 1 KiB: pushes per second of the master's CPU`,
    ours: `${fixed(perCore, 0)}/s`,
    against: `${fixed(pushes / (elapsedMs / 1000), 0)}/s by the clock`,
    result: `${fixed(perCore, 0)}/s`,
    goal: `≥ ${GOAL_PER_CORE}/s`,
    met: perCore >= GOAL_PER_CORE,
  };
}
