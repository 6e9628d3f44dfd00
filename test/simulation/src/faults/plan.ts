import type { SeededRandom } from '@message-vault/runtime/testing';
import type { AfterCut } from '../network/wires.ts';
import { calm, type HintWeather, type NetworkWeather, type StorageWeather } from '../world/weather.ts';
import { AMBUSH_ACTS, AMBUSHED, type Ambush, HALTING_ACTS } from './ambush.ts';
import type { Fault, FaultAct, FaultKind, Victim } from './fault.ts';
import { recipe } from './recipes.ts';

/** Who can be hit. */
export interface Targets {
  readonly nodes: readonly string[];
  readonly programs: readonly string[];
  readonly calmAtMs: number;
}

type Make<Kind extends FaultKind> = (
  random: SeededRandom,
  targets: Targets,
) => Extract<FaultAct, { readonly kind: Kind }>;

/** How often each kind is drawn, and how one is made up. A row per kind. */
const KINDS: { readonly [Kind in FaultKind]: { readonly weight: number; readonly make: Make<Kind> } } = {
  ambush: { weight: 10, make: (random, targets) => ({ kind: 'ambush', ambush: ambushOf(random, targets) }) },
  crash: {
    weight: 5,
    make: (random, targets) => ({
      kind: 'crash',
      victim: anyone(random, targets),
      forMs: random.pick([0, 300, 2000, 5000]) * random.next(),
    }),
  },
  freeze: {
    weight: 6,
    make: (random, targets) => ({
      kind: 'freeze',
      victim: anyone(random, targets),
      forMs: random.pick([150, 700, 1500, 2500, 6000, 20_000]) * (0.5 + random.next()),
    }),
  },
  suspend: {
    weight: 2,
    make: (random, targets) => ({
      kind: 'suspend',
      victim: anyone(random, targets),
      forMs: random.pick([1500, 4000, 8000]) * (0.5 + random.next()),
    }),
  },
  stop: {
    weight: 2,
    make: (random, targets) => ({
      kind: 'stop',
      victim: aNode(random, targets),
      forMs: 3000 * random.next(),
    }),
  },
  restartAll: { weight: 0.5, make: (random) => ({ kind: 'restartAll', forMs: 2000 * random.next() }) },
  clockJump: {
    weight: 2,
    make: (random, targets) => ({
      kind: 'clockJump',
      victim: aNode(random, targets),
      byMs: random.pick([3_600_000, -3_600_000, -5000, 5000, -1, 60_000]),
    }),
  },
  cut: {
    weight: 6,
    make: (random, targets) => ({
      kind: 'cut',
      ...pairOf(random, targets),
      oneWay: random.chance(0.3),
      after: afterCut(random),
      forMs: aWhile(random),
    }),
  },
  isolate: {
    weight: 5,
    make: (random, targets) => ({
      kind: 'isolate',
      victim: aNode(random, targets),
      storageToo: random.chance(0.4),
      after: afterCut(random),
      forMs: aWhile(random),
    }),
  },
  weather: { weight: 5, make: weatherOf },
  breakLease: { weight: 2, make: () => ({ kind: 'breakLease' }) },
  handover: { weight: 2, make: (random, targets) => ({ kind: 'handover', through: aNode(random, targets) }) },
  leaderDocument: {
    weight: 0.5,
    make: (random) => ({
      kind: 'leaderDocument',
      how: random.pick(['deleted', 'rolled back'] as const),
      forMs: aWhile(random),
    }),
  },
};

const FIRST_FAULT_MS = 100;
const RECIPES_SHARE = 0.5;
/** What a recipe needs to take effect: a takeover, and then some. */
const RECIPE_MS = 3000;

/** Some faults, in the order of their times, all of them before everything has to be calm. */
export function planFaults(random: SeededRandom, targets: Targets): Fault[] {
  const count = random.pick([1, 2, 3, 4, 6, 9]);
  const span = targets.calmAtMs - FIRST_FAULT_MS - 200;
  const faults = Array.from({ length: count }, (): readonly Fault[] => {
    const share = random.next();
    if (random.chance(RECIPES_SHARE)) return recipe(random, FIRST_FAULT_MS + (span - RECIPE_MS) * share);
    return [{ atMs: Math.round(FIRST_FAULT_MS + span * share), ...draw(random, targets) }];
  });
  return faults.flat().sort((a, b) => a.atMs - b.atMs);
}

function draw(random: SeededRandom, targets: Targets): FaultAct {
  const rows = Object.values(KINDS);
  let left = random.next() * rows.reduce((sum, { weight }) => sum + weight, 0);
  for (const { weight, make } of rows) {
    left -= weight;
    if (left < 0) return make(random, targets);
  }
  return { kind: 'breakLease' };
}

function aNode(random: SeededRandom, { nodes }: Targets): Victim {
  return random.chance(0.5) ? 'leader' : random.chance(0.3) ? 'standby' : random.pick(nodes);
}

function anyone(random: SeededRandom, targets: Targets): Victim {
  return random.chance(0.8) ? aNode(random, targets) : random.pick(targets.programs);
}

function pairOf(random: SeededRandom, targets: Targets): { from: Victim; to: Victim } {
  const from = aNode(random, targets);
  const kind = random.next();
  if (kind < 0.25) return { from, to: 'storage' };
  if (kind < 0.45) return { from: 'storage', to: from };
  if (kind < 0.75) return { from, to: from === 'leader' ? 'standby' : random.pick(targets.nodes) };
  return { from, to: random.pick(targets.programs) };
}

function afterCut(random: SeededRandom): AfterCut {
  return random.pick(['deliver', 'break', 'lose'] as const);
}

function aWhile(random: SeededRandom): number {
  return random.pick([200, 1000, 3000, 8000]) * (0.3 + random.next());
}

function ambushOf(random: SeededRandom, targets: Targets): Ambush {
  const [operation, about] = random.pick(AMBUSHED);
  return {
    node: random.chance(0.3) ? random.pick(targets.nodes) : undefined,
    operation,
    about,
    nth: 1 + random.below(random.pick([1, 3, 12])),
    step: random.pick(['sent', 'applied', 'answered'] as const),
    act: random.chance(0.4) ? random.pick(HALTING_ACTS) : random.pick(AMBUSH_ACTS),
    forMs: random.pick([300, 2000, 6000]) * (0.5 + random.next()),
  };
}

/** A chance of up to `most`, and often none. */
function some(random: SeededRandom, most: number): number {
  return random.chance(0.5) ? 0 : most * random.next();
}

export function stormyStorage(random: SeededRandom, most: number): StorageWeather {
  return {
    latencyMs: calm.storage.latencyMs,
    spike: some(random, most * 3),
    spikeMs: random.pick([20, 200, 2000]),
    refuse: some(random, most),
    throttle: some(random, most),
    loseRequest: some(random, most / 2),
    loseAnswer: some(random, most),
    late: some(random, most),
    again: some(random, most),
    echo: some(random, most),
    tear: some(random, most),
    inParts: some(random, most * 3),
  };
}

export function stormyNetwork(random: SeededRandom, most: number): NetworkWeather {
  return {
    latencyMs: calm.network.latencyMs,
    spike: some(random, most * 3),
    spikeMs: random.pick([20, 200, 1000]),
    loseRequest: some(random, most),
    loseAnswer: some(random, most),
    breakBefore: some(random, most),
    breakAfter: some(random, most),
    late: some(random, most),
    again: some(random, most),
  };
}

export function stormyHints(random: SeededRandom): HintWeather {
  return {
    drop: random.pick([0, 0.3, 1]),
    again: some(random, 0.5),
    lie: some(random, 0.5),
    delayMs: random.pick([2, 50, 1000]),
  };
}

function weatherOf(random: SeededRandom, targets: Targets): Extract<FaultAct, { kind: 'weather' }> {
  const victim = random.chance(0.5) ? undefined : aNode(random, targets);
  const forMs = aWhile(random);
  const { storage, network } = calm;
  switch (random.below(6)) {
    case 0:
      return {
        kind: 'weather',
        name: 'outage',
        victim,
        weather: { storage: { ...storage, refuse: 1 } },
        forMs,
      };
    case 1:
      return {
        kind: 'weather',
        name: 'silence',
        victim,
        weather: { storage: { ...storage, loseRequest: 1 } },
        forMs,
      };
    case 2:
      return {
        kind: 'weather',
        name: 'throttling',
        victim,
        weather: { storage: { ...storage, throttle: 0.7 } },
        forMs,
      };
    case 3:
      return {
        kind: 'weather',
        name: 'brown-out',
        victim,
        weather: { storage: stormyStorage(random, 0.3) },
        forMs,
      };
    case 4:
      return {
        kind: 'weather',
        name: 'bad lines',
        victim,
        weather: { network: stormyNetwork(random, 0.3) },
        forMs,
      };
    default:
      return {
        kind: 'weather',
        name: 'slow',
        victim,
        weather: {
          storage: { ...storage, latencyMs: [50, 600] },
          network: { ...network, latencyMs: [20, 300] },
        },
        forMs,
      };
  }
}
