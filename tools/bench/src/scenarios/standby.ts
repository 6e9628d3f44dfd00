import { type Lab, repeatFor, sampleValues } from '../lab.ts';
import { fixed, median, type Row } from '../report.ts';
import type { BenchOptions } from '../scenario.ts';

const PUBLISHERS = 64;
const ROUNDS = 10;

/** What a standby that probes the leader costs publishing: the same load with it and, while it is frozen, without it. */
export async function standbyCost(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const { pid } = lab.node('slave');
  const [value = new Uint8Array()] = await sampleValues(1, 1024, options.data);
  const client = lab.client();
  const rate = async (): Promise<number> => {
    const runs = await Promise.all(
      Array.from({ length: PUBLISHERS }, () =>
        repeatFor(options.roundMs / 2, () => client.publish('watched', value).then(() => 1)),
      ),
    );
    return runs.reduce((sum, run) => sum + run.total / (run.elapsedMs / 1000), 0);
  };
  await rate();
  const ratios: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // In changing order: a cluster gets a little slower or faster with time.
    const first = await (round % 2 === 0 ? rate() : withoutSlave(pid, rate));
    const second = await (round % 2 === 0 ? withoutSlave(pid, rate) : rate());
    const [withIt, without] = round % 2 === 0 ? [first, second] : [second, first];
    ratios.push(withIt / without);
    rates.push(withIt);
  }
  const cost = 1 - median(ratios);
  return [
    {
      what: 'what a standby costs the rate of 64 concurrent publishes',
      ours: `${fixed(median(rates), 0)}/s`,
      against: `${fixed(median(rates) / median(ratios), 0)}/s with the standby frozen`,
      result: `${fixed(100 * cost, 1)} %`,
      goal: '≤ 3 %',
      met: cost <= 0.03,
    },
  ];
}

async function withoutSlave(pid: number, run: () => Promise<number>): Promise<number> {
  process.kill(pid, 'SIGSTOP');
  try {
    return await run();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}
