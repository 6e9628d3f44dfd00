import { type Lab, rawSegment, repeatFor, sampleValues } from '../lab.ts';
import { fixed, median, type Row } from '../report.ts';
import type { BenchOptions } from '../scenario.ts';

const PUBLISHERS = 64;
const ROUNDS = 3;

/** Many small publishes at once through one client, next to one publisher that waits for every answer. */
export async function concurrentPublish(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const [value = new Uint8Array()] = await sampleValues(1, 1024, options.data);
  const client = lab.client();
  await client.publish('small', value);
  const perPut: number[] = [];
  const rates: number[] = [];
  const alone: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const waiting = await repeatFor(options.roundMs, () => client.publish('small', value).then(() => 1));
    alone.push(waiting.total / (waiting.elapsedMs / 1000));
    const before = await writes(lab);
    const runs = await Promise.all(
      Array.from({ length: PUBLISHERS }, () =>
        repeatFor(options.roundMs, () => client.publish('small', value).then(() => 1)),
      ),
    );
    const messages = runs.reduce((sum, run) => sum + run.total, 0);
    perPut.push(messages / ((await writes(lab)) - before));
    rates.push(messages / (Math.max(...runs.map((run) => run.elapsedMs)) / 1000));
  }
  const speedup = median(rates.map((rate, round) => rate / (alone[round] ?? Number.NaN)));
  return [
    {
      what: '64 concurrent publishes of 1 KiB: messages per Put Page',
      ours: fixed(median(perPut), 1),
      against: '1, each by itself',
      result: `${fixed(median(perPut), 1)} ×`,
      goal: '≥ 20',
      met: median(perPut) >= 20,
    },
    {
      what: '64 concurrent publishes of 1 KiB: rate',
      ours: `${fixed(median(rates), 0)}/s`,
      against: `${fixed(median(alone), 0)}/s, one that waits`,
      result: `${fixed(speedup, 1)} ×`,
      goal: '≥ 20 ×',
      met: speedup >= 20,
    },
  ];
}

function writes(lab: Lab): Promise<number> {
  return lab.counter(lab.masterUrl, 'mvault_storage_calls_total', 'operation="writePages"');
}

/** One small publish at a time, next to a bare Put Page of one page, in turns. */
export async function singlePublish(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const client = lab.client();
  const [value = new Uint8Array()] = await sampleValues(1, 100, options.data);
  const page = new Uint8Array(512).fill(1);
  const segment = await rawSegment(lab.storage, 64 * 1024 * 1024);
  const ours: number[] = [];
  const raw: number[] = [];
  for (let count = 0; count < (options.quick ? 500 : 3000); count++) {
    raw.push(await timed(() => segment.write(page)));
    ours.push(await timed(() => client.publish('single', value)));
  }
  const ratio = median(ours) / median(raw);
  return [
    {
      what: 'single publish, p50',
      ours: `${fixed(median(ours))} ms`,
      against: `${fixed(median(raw))} ms, Put Page of 512 bytes`,
      result: `${fixed(ratio)} ×`,
      goal: '≤ 1.6 ×',
      met: ratio <= 1.6,
    },
  ];
}

async function timed(step: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await step();
  return performance.now() - from;
}
