import { SeededRandom } from '@message-vault/runtime/testing';
import type { NodeSetup } from '../node/node.ts';
import type { ConsumerSetup } from '../workload/consumer.ts';
import type { ClientTuning, ProducerSetup } from '../workload/producer.ts';
import { calm, type Weather } from '../world/weather.ts';

/** What a seed makes of a run: who takes part, how they are tuned, and the weather. All of it can be printed. */
export interface Setup {
  readonly streams: readonly { readonly name: string; readonly segmentCommits: number }[];
  readonly nodes: readonly NodeSetup[];
  readonly producers: readonly ProducerSetup[];
  readonly consumers: readonly ConsumerSetup[];
  readonly weather: Weather;
  /** When all faults are over, virtual milliseconds. */
  readonly calmAtMs: number;
}

const STREAM = 'orders';

export function setupOf(seed: number): Setup {
  const random = new SeededRandom(seed ^ 0x5e7);
  const nodes = nodesOf(random);
  const urls = nodes.map((node) => node.url);
  const client = (): ClientTuning => clientOf(random, urls);
  return {
    streams: [{ name: STREAM, segmentCommits: random.pick([2, 3, 5, 8, 20, 1000]) }],
    nodes,
    producers: Array.from({ length: 2 }, (_, index) => ({
      name: `p${index + 1}`,
      stream: STREAM,
      client: client(),
      mostMessages: random.pick([1, 1, 3, 8]),
      pauseMs: random.pick([60, 150, 300]),
      oneByOne: random.chance(0.4),
    })),
    consumers: (['tail', 'replay'] as const).map((mode, index) => ({
      name: `c${index + 1}`,
      stream: STREAM,
      client: client(),
      mode,
    })),
    weather: calm,
    calmAtMs: 3000 + random.below(5000),
  };
}

function nodesOf(random: SeededRandom): NodeSetup[] {
  const names = ['n1', 'n2', 'n3'];
  const url = (name: string): string => `http://${name}.test`;
  const limits = {
    checkpointEvery: random.pick([8, 8, 64]),
    writeTimeoutMs: random.pick([300, 1000, 5000]),
    resolveForMs: random.pick([800, 3000, 10_000]),
  };
  const storageTimeoutMs = random.pick([1000, 5000]);
  const apps = ['master', 'slave', 'reader'] as const;
  return names.map((name, index) => ({
    name,
    app: apps[index] ?? 'reader',
    url: url(name),
    peers: names.filter((other) => other !== name && other !== 'n3').map(url),
    witnesses: random.chance(0.5) ? ['n3'].filter((other) => other !== name).map(url) : [],
    limits,
    storageTimeoutMs,
  }));
}

function clientOf(random: SeededRandom, urls: readonly string[]): ClientTuning {
  return {
    urls,
    codec: random.chance(0.1) ? 'zstd' : 'none',
    lingerMs: random.pick([0, 0, 10]),
    maxInFlight: random.pick([1, 2, 4, 5]),
    attemptTimeoutMs: random.pick([700, 3000, 10_000]),
    deliveryTimeoutMs: random.pick([1500, 5000, 30_000]),
    followLeader: random.chance(0.8),
  };
}
