import type { SeededRandom } from '@message-vault/runtime/testing';
import { type AmbushAct, HALTING_ACTS } from './ambush.ts';
import type { Fault, FaultAct } from './fault.ts';
import { planFaults, type Targets } from './plan.ts';

/** Steps of what dispatchers, queues and names do. */
const AMBUSHED: readonly (readonly [operation: string, about?: string])[] = [
  ['put', 'cursors/*'],
  ['put', 'cursors/*'],
  ['put', 'cursors/*'],
  ['get', 'cursors/*'],
  ['put', 'routers/*'],
  ['put', 'name-changes'],
  ['put', 'names/*'],
  ['put', 'queue-locks/*'],
  ['writePages'],
  ['writePages'],
  ['send'],
  ['send'],
  ['receive'],
  ['update'],
  ['deleteMessage'],
  ['createQueue'],
  ['deleteQueue'],
];

const ACTS: readonly AmbushAct[] = [
  'loseAnswer',
  'late',
  'again',
  'echo',
  'refuse',
  'throttle',
  'freeze',
  'crash',
];

type Recipe = (random: SeededRandom) => readonly FaultAct[];

/** Faults that meet in what routers do. */
const RECIPES: readonly Recipe[] = [
  // Two dispatchers at once: the old one reaches the storage and its subscribers, and none of the other nodes.
  (random) => [
    {
      kind: 'isolate',
      victim: 'leader',
      storageToo: false,
      after: 'lose',
      forMs: 2000 + 4000 * random.next(),
    },
  ],
  // The leader stands still, or dies, between two saves of its cursors.
  (random) => [
    cursorsAmbush(random, random.pick(['crash', 'freeze', 'suspend'] as const), 500 + 3000 * random.next()),
  ],
  // A save arrives when the next leader is at work.
  (random) => [
    cursorsAmbush(random, random.pick(['late', 'again'] as const), 300 + 2500 * random.next()),
    { kind: 'freeze', victim: 'leader', forMs: 1500 + 1500 * random.next() },
  ],
  // A new leader dies when it has claimed some of it.
  (random) => [
    { kind: 'crash', victim: 'leader', forMs: 500 + 3000 * random.next() },
    cursorsAmbush(random, 'crash', 500 + 2000 * random.next()),
  ],
];

/** The faults of a run of streams, and those that meet routers, queues and names. */
export function planBusFaults(random: SeededRandom, targets: Targets): Fault[] {
  const span = targets.calmAtMs - 500;
  const at = (act: FaultAct): Fault => ({ atMs: Math.round(100 + span * random.next()), ...act });
  const faults = planFaults(random, targets);
  for (let left = random.below(5); left > 0; left -= 1) faults.push(at(busAmbush(random)));
  for (let left = random.below(3); left > 0; left -= 1) {
    const atMs = Math.round(100 + Math.max(0, span - 3000) * random.next());
    faults.push(
      ...random
        .pick(RECIPES)(random)
        .map((act): Fault => ({ atMs, ...act })),
    );
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

function busAmbush(random: SeededRandom): FaultAct {
  const [operation, about] = random.pick(AMBUSHED);
  return {
    kind: 'ambush',
    ambush: {
      node: undefined,
      operation,
      about,
      nth: 1 + random.below(random.pick([1, 3, 12])),
      step: random.pick(['sent', 'applied', 'answered'] as const),
      act: random.chance(0.5) ? random.pick(HALTING_ACTS) : random.pick(ACTS),
      forMs: random.pick([300, 2000, 5000]) * (0.5 + random.next()),
    },
  };
}

function cursorsAmbush(random: SeededRandom, act: AmbushAct, forMs: number): FaultAct {
  return {
    kind: 'ambush',
    ambush: {
      node: undefined,
      operation: 'put',
      about: 'cursors/*',
      nth: 1 + random.below(4),
      step: random.pick(['sent', 'applied', 'answered'] as const),
      act,
      forMs,
    },
  };
}
