import { SeededRandom } from '@message-vault/runtime/testing';
import { planBusFaults } from '../faults/bus-plan.ts';
import { type Setup, type StreamSetup, setupOf } from '../run/setup.ts';
import type { BusSetup, QueueConsumerSetup } from './setup.ts';

const SETTLED_MS = 3000;
const ROUNDS_EVERY_MS = 4000;
const TUNES = 0.2;
/** Each message takes many more calls than one that goes into a stream and no further. */
const MOST_MESSAGES = 3;
const MOST_CALLS = 4;
const MOST_CALM_MS = 9000;
const INTAKE = 'jobs';
const WORK = 'work';
const AUDIT = 'audit';
const COPIES = 'copies';

/** The run a seed makes of the bus: everything of a run of streams, with a composition in their place. */
export function busSetupOf(seed: number): Setup {
  const plain = setupOf(seed);
  const random = new SeededRandom(seed ^ 0xb05);
  const bus = composition(random);
  const calmMs = Math.min(plain.calmAtMs, MOST_CALM_MS);
  const streams = streamsOf(random, bus);
  const nodes = plain.nodes.map((node) => ({ ...node, limits: { ...node.limits, maxOpenStreams: 10_000 } }));
  const urls = nodes.map(({ url }) => url);
  const producers = plain.producers.map((producer) => ({
    ...producer,
    stream: INTAKE,
    mostMessages: Math.min(producer.mostMessages, MOST_MESSAGES),
    mostCalls: Math.min(producer.mostCalls, MOST_CALLS),
    onCondition: false,
  }));
  const consumers = streams.map(({ name }, index) => ({
    name: `c${index + 1}`,
    stream: name,
    mode: 'tail' as const,
    client: { ...(plain.consumers[0]?.client ?? producers[0]?.client ?? NO_CLIENT), urls },
  }));
  const others = [...bus.sinks, ...bus.listeners, ...bus.consumers];
  const targets = {
    nodes: nodes.map(({ name }) => name),
    programs: [...producers, ...others].map(({ name }) => name),
    calmAtMs: calmMs,
  };
  return {
    streams,
    nodes,
    producers,
    consumers,
    weather: plain.weather,
    calmAtMs: SETTLED_MS + calmMs,
    faults: planBusFaults(random, targets),
    bus,
  };
}

const NO_CLIENT = {
  codec: 'none',
  lingerMs: 0,
  maxInFlight: 1,
  attemptTimeoutMs: 3000,
  deliveryTimeoutMs: 8000,
  followLeader: true,
} as const;

/** Streams that are handed on to, with small segments now and then. */
function streamsOf(random: SeededRandom, { routers }: BusSetup): StreamSetup[] {
  const named = routers.flatMap(({ targets }) => targets).filter((name) => STREAMS.has(name));
  return named.map((name) => ({ name, segmentCommits: random.pick([3, 8, 20, 1000]) }));
}

const STREAMS = new Set([COPIES, 'left', 'right']);

/** Router `all` → a stream, a queue, a router `one`, now and then a webhook; and behind `one` one of several kinds of members. */
function composition(random: SeededRandom): BusSetup {
  const members = random.pick(MEMBERS);
  const hasHook = random.chance(0.4);
  const intake = [COPIES, AUDIT, WORK, ...(hasHook ? ['hook'] : [])];
  const queueNames = [AUDIT, ...members.filter((name) => name === 'spare')];
  const sinkNames = [...(hasHook ? ['hook'] : []), ...members.filter((name) => /^s\d$/.test(name))];
  const listenerNames = members.filter((name) => /^l\d$/.test(name));
  return {
    settledMs: SETTLED_MS,
    roundsEveryMs: ROUNDS_EVERY_MS,
    routers: [
      { name: WORK, distribution: 'one', targets: members },
      { name: INTAKE, distribution: 'all', targets: intake },
    ],
    queues: queueNames.map((name) => ({
      name,
      lockSeconds: random.pick([1, 2, 5]),
      maxDequeueRetries: random.pick([10, 20]),
    })),
    sinks: sinkNames.map((name) => ({
      name,
      refuse: random.pick([0, 0.05, 0.3]),
      hang: random.pick([0, 0, 0.05]),
      mostWorkMs: random.pick([5, 50, 400]),
    })),
    listeners: listenerNames.map((name) => ({
      name,
      router: WORK,
      window: random.pick([1, 4, 32]),
      mostWorkMs: random.pick([5, 50, 400]),
      mostAwayMs: random.pick([200, 2000, 15_000]),
    })),
    consumers: queueNames.flatMap((queue) =>
      Array.from({ length: 2 }, (_, index) => consumerOf(random, `${queue}-${index + 1}`, queue)),
    ),
    managed: ['side/a', 'side/b'],
    tunes: TUNES,
    pushTimeoutSeconds: random.pick([1, 3]),
  };
}

const MEMBERS: readonly (readonly string[])[] = [
  ['s1', 's2'],
  ['s1', 's2', 's3'],
  ['left', 'right'],
  ['l1', 'l2'],
  ['s1', 'left', 'spare'],
  ['l1', 'left', 's1'],
];

export function consumerOf(random: SeededRandom, name: string, queue: string): QueueConsumerSetup {
  return {
    name,
    queue,
    giveBack: random.pick([0, 0.1]),
    bury: random.pick([0, 0.05]),
    forget: random.pick([0, 0.05]),
    dawdle: random.pick([0, 0.05]),
    renew: random.pick([0, 0.2]),
    mostWorkMs: random.pick([5, 50, 400]),
  };
}
