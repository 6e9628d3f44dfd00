import type { SeededRandom } from '@message-vault/runtime/testing';
import type { AmbushAct } from './ambush.ts';
import type { Fault, FaultAct } from './fault.ts';

type Recipe = (random: SeededRandom, atMs: number) => readonly Fault[];

/** Faults that are only dangerous together, and meet too seldom by chance. */
const RECIPES: readonly Recipe[] = [
  // Two that believe they lead: the old one reaches the storage and its clients, and none of the other nodes.
  (random, atMs) => [at(atMs, twoLeaders(random))],
  // The same, and the new one takes its time, or dies, between its fence and its first write.
  (random, atMs) => [at(atMs, twoLeaders(random)), at(atMs, fenceAmbush(random))],
  (random, atMs) => [
    at(atMs, twoLeaders(random)),
    at(atMs, fenceAmbush(random)),
    at(atMs, fenceAmbush(random)),
  ],
  // The leader stands still with a commit on its way, for about as long as a takeover takes.
  (random, atMs) => [
    at(atMs, writeAmbush(random, 'freeze', 900 + 2500 * random.next())),
    ...(random.chance(0.5) ? [at(atMs + 50, { kind: 'breakLease' })] : []),
  ],
  // The leader is heard and hears nothing, longer than it works at one commit.
  (random, atMs) => [
    at(atMs, {
      kind: 'cut',
      from: 'storage',
      to: 'leader',
      oneWay: true,
      after: random.pick(['deliver', 'break', 'lose'] as const),
      forMs: 600 + 2000 * random.next(),
    }),
  ],
  // What the old leader has sent arrives when the new one is at work.
  (random, atMs) => [
    at(atMs, {
      kind: 'cut',
      from: 'leader',
      to: 'storage',
      oneWay: random.chance(0.5),
      after: 'deliver',
      forMs: 700 + 3000 * random.next(),
    }),
  ],
  (random, atMs) => [
    at(atMs, writeAmbush(random, random.pick(['late', 'again'] as const), 200 + 2500 * random.next())),
    at(atMs + 20 + 500 * random.next(), random.pick(LOSING_LEAD)),
  ],
  // Half a commit is all that is left of a leader, and its successor dies over it, too.
  (random, atMs) => [
    at(atMs, writeAmbush(random, 'tearAndCrash', 1000 + 4000 * random.next())),
    at(atMs, successorAmbush(random)),
  ],
  (random, atMs) => [
    at(atMs, { kind: 'crash', victim: 'leader', forMs: 500 + 4000 * random.next() }),
    at(atMs, successorAmbush(random)),
    at(atMs, successorAmbush(random)),
  ],
  // Somebody dies or stands still between two segments.
  (random, atMs) => [
    at(atMs, {
      kind: 'ambush',
      ambush: {
        node: undefined,
        operation: 'createSegment',
        about: undefined,
        nth: 1 + random.below(3),
        step: random.pick(['sent', 'applied', 'answered'] as const),
        act: random.pick(['crash', 'freeze', 'loseAnswer', 'late', 'echo', 'again'] as const),
        forMs: 200 + 3000 * random.next(),
      },
    }),
    ...(random.chance(0.5) ? [at(atMs + 300 * random.next(), random.pick(LOSING_LEAD))] : []),
  ],
  // The leader's machine is suspended at a commit, or before the next segment, for as long as it takes to forget what it was at.
  (random, atMs) => [
    at(atMs, {
      kind: 'ambush',
      ambush: {
        node: undefined,
        operation: random.pick(['writePages', 'createSegment', 'createSegment'] as const),
        about: undefined,
        nth: 1 + random.below(3),
        step: random.pick(['sent', 'sent', 'applied', 'answered'] as const),
        act: 'suspend',
        forMs: 2000 + 4000 * random.next(),
      },
    }),
    ...(random.chance(0.5) ? [at(atMs + 100, { kind: 'breakLease' })] : []),
  ],
];

const LOSING_LEAD: readonly FaultAct[] = [
  { kind: 'breakLease' },
  { kind: 'handover', through: 'leader' },
  { kind: 'freeze', victim: 'leader', forMs: 1500 },
  { kind: 'stop', victim: 'leader', forMs: 500 },
];

/** Steps of a takeover. */
const TAKEOVER: readonly (readonly [operation: string, about?: string])[] = [
  ['fence'],
  ['segmentProperties'],
  ['writtenRanges'],
  ['clearPages'],
  ['put', 'leader'],
  ['put', 'leader-claim'],
  ['acquire', 'leader-lease'],
  ['break', 'leader-lease'],
];

export function recipe(random: SeededRandom, atMs: number): readonly Fault[] {
  return random.pick(RECIPES)(random, atMs);
}

function at(atMs: number, act: FaultAct): Fault {
  return { atMs: Math.round(atMs), ...act };
}

function twoLeaders(random: SeededRandom): FaultAct {
  const forMs = 2000 + 5000 * random.next();
  return { kind: 'isolate', victim: 'leader', storageToo: false, after: 'lose', forMs };
}

function fenceAmbush(random: SeededRandom): FaultAct {
  return {
    kind: 'ambush',
    ambush: {
      node: undefined,
      operation: random.pick([
        'fence',
        'fence',
        'segmentProperties',
        'writtenRanges',
        'writtenRanges',
      ] as const),
      about: undefined,
      nth: 1,
      step: random.pick(['applied', 'answered'] as const),
      act: random.pick(['crash', 'freeze', 'freeze', 'freeze'] as const),
      forMs: 200 + 1500 * random.next(),
    },
  };
}

function writeAmbush(random: SeededRandom, act: AmbushAct, forMs: number): FaultAct {
  const step = random.pick(['sent', 'applied'] as const);
  const nth = 1 + random.below(3);
  return {
    kind: 'ambush',
    ambush: { node: undefined, operation: 'writePages', about: undefined, nth, step, act, forMs },
  };
}

function successorAmbush(random: SeededRandom): FaultAct {
  const [operation, about] = random.pick(TAKEOVER);
  return {
    kind: 'ambush',
    ambush: {
      node: undefined,
      operation,
      about,
      nth: 1 + random.below(2),
      step: random.pick(['sent', 'applied', 'answered'] as const),
      act: random.pick(['crash', 'crash', 'freeze', 'loseAnswer', 'late', 'again'] as const),
      forMs: 300 + 3000 * random.next(),
    },
  };
}
