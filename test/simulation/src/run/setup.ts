import { SeededRandom } from '@message-vault/runtime/testing';
import type { BusSetup } from '../bus/setup.ts';
import type { Fault } from '../faults/fault.ts';
import { planFaults, stormyHints, stormyNetwork, stormyStorage } from '../faults/plan.ts';
import type { NodeSetup } from '../node/node-setup.ts';
import type { ConsumerSetup } from '../workload/consumer.ts';
import type { ClientTuning, ProducerSetup } from '../workload/producer.ts';
import { calm, type Weather } from '../world/weather.ts';

export interface StreamSetup {
  readonly name: string;
  /** Undefined for one that comes to be by its first publish, and has the usual, large, segments. */
  readonly segmentCommits: number | undefined;
  /** How much of it is kept at the least; undefined for all. */
  readonly retentionBytes?: number | undefined;
}

/** What a seed makes of a run: who takes part, how they are tuned, and the weather. All of it can be printed. */
export interface Setup {
  readonly streams: readonly StreamSetup[];
  readonly nodes: readonly NodeSetup[];
  readonly producers: readonly ProducerSetup[];
  readonly consumers: readonly ConsumerSetup[];
  readonly weather: Weather;
  /** When all faults are over, virtual milliseconds. */
  readonly calmAtMs: number;
  /** Their times are counted from when producers begin. */
  readonly faults: readonly Fault[];
  /** What is composed of names, where the run is about that. */
  readonly bus?: BusSetup | undefined;
}

const STREAM = 'orders';
const SECOND_STREAM = 'audit/trail';

export function setupOf(seed: number): Setup {
  const random = new SeededRandom(seed ^ 0x5e7);
  const nodes = nodesOf(random);
  const calmAtMs = 4000 + random.below(random.pick([2000, 5000, 16_000]));
  const retentionBytes = random.chance(0.3) ? random.pick([1, 10_000, 50_000]) : undefined;
  const segmentCommits = random.pick([2, 3, 5, 8, 20, 1000]);
  const streams: StreamSetup[] = [{ name: STREAM, segmentCommits, retentionBytes }];
  if (random.chance(0.3)) streams.push({ name: SECOND_STREAM, segmentCommits: undefined });
  const producers = producersOf(random, { nodes, streams, calmAtMs });
  const consumers = consumersOf(random, { nodes, streams });
  const targets = {
    nodes: nodes.map(({ name }) => name),
    programs: [...producers, ...consumers].map(({ name }) => name),
    calmAtMs,
  };
  return {
    streams,
    nodes,
    producers,
    consumers,
    weather: weatherOf(random),
    calmAtMs,
    faults: planFaults(random, targets),
  };
}

/** Half of all runs have fair weather, so that what happens in them is the doing of the planned faults alone. */
function weatherOf(random: SeededRandom): Weather {
  const most = random.pick([0, 0, 0.01, 0.06]);
  const hints = random.chance(0.5) ? calm.hints : stormyHints(random);
  // Slow storage makes the moments long in which two leaders can meet.
  const latencyMs = random.pick([
    calm.storage.latencyMs,
    calm.storage.latencyMs,
    [5, 60] as const,
    [30, 250] as const,
  ]);
  const storage = { ...(most === 0 ? calm.storage : stormyStorage(random, most)), latencyMs };
  return { storage, network: most === 0 ? calm.network : stormyNetwork(random, most / 2), hints };
}

/** About so many calls of one producer before everything is calm: enough to have some under way whenever anything happens. */
const CALLS = [10, 20, 40] as const;
const BURSTS = [1, 1, 4, 10] as const;

interface Surroundings {
  readonly nodes: readonly NodeSetup[];
  readonly streams: readonly StreamSetup[];
}

function producersOf(
  random: SeededRandom,
  { nodes, streams, calmAtMs }: Surroundings & { readonly calmAtMs: number },
): ProducerSetup[] {
  const urls = nodes.map((node) => node.url);
  // Those that know one node only keep two leaders busy at once.
  const pinned = random.chance(0.6);
  return Array.from({ length: 3 }, (_, index) => {
    const own = urls[index];
    const mostCalls = random.pick(BURSTS);
    return {
      name: `p${index + 1}`,
      stream: (index < 2 ? streams[0] : streams.at(-1))?.name ?? STREAM,
      client: clientOf(random, pinned && own !== undefined ? [own] : urls),
      mostMessages: random.pick([1, 1, 3, 8]),
      mostCalls,
      gapMs: random.pick([1, 4, 10]),
      pauseMs: (calmAtMs / random.pick(CALLS)) * ((1 + mostCalls) / 2),
      oneByOne: random.chance(0.4),
      onCondition: random.chance(0.1),
    };
  });
}

function consumersOf(random: SeededRandom, { nodes, streams }: Surroundings): ConsumerSetup[] {
  const urls = nodes.map((node) => node.url);
  const all = streams.map(({ name }) => ({ mode: 'tail' as const, stream: name }));
  return [...all, { mode: 'replay' as const, stream: STREAM }].map((consumer, index) => ({
    ...consumer,
    name: `c${index + 1}`,
    client: clientOf(random, urls),
  }));
}

const CASTS: readonly (readonly NodeSetup['app'][])[] = [
  ['master', 'slave', 'reader'],
  ['master', 'slave', 'reader'],
  ['master', 'slave', 'slave', 'reader'],
  ['master', 'slave', 'reader', 'reader'],
  ['master', 'slave'],
];

function nodesOf(random: SeededRandom): NodeSetup[] {
  const cast = random.pick(CASTS);
  const all = cast.map((app, index) => ({ app, name: `n${index + 1}`, url: `http://n${index + 1}.test` }));
  const urlsOf = (isWanted: (app: NodeSetup['app']) => boolean, own: string): string[] =>
    all.filter(({ app, name }) => isWanted(app) && name !== own).map(({ url }) => url);
  const withWitnesses = random.chance(0.6);
  const limits = {
    checkpointEvery: random.pick([8, 8, 64]),
    writeTimeoutMs: random.pick([300, 1000, 5000]),
    resolveForMs: random.pick([500, 1000, 3000, 10_000]),
    maxQueueBatches: random.pick([2, 4096, 4096, 4096]),
    idleCloseMs: random.pick([300, 600_000, 600_000]),
    maxOpenStreams: random.pick([1, 10_000, 10_000]),
  };
  const storageTimeoutMs = random.pick([1000, 5000]);
  const mostDrift = random.pick([0, 0, 0.01]);
  return all.map((node) => ({
    ...node,
    peers: urlsOf((app) => app !== 'reader', node.name),
    witnesses: withWitnesses ? urlsOf((app) => app === 'reader', node.name) : [],
    limits,
    storageTimeoutMs,
    clockRate: 1 + mostDrift * (2 * random.next() - 1),
  }));
}

function clientOf(random: SeededRandom, urls: readonly string[]): ClientTuning {
  return {
    urls,
    codec: random.chance(0.1) ? 'zstd' : 'none',
    lingerMs: random.pick([0, 0, 10]),
    maxInFlight: random.pick([1, 2, 4, 5]),
    attemptTimeoutMs: random.pick([700, 3000, 10_000]),
    deliveryTimeoutMs: random.pick([2500, 8000, 30_000]),
    followLeader: random.chance(0.8),
  };
}
