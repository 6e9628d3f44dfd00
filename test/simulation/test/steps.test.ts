import { expect, test } from 'vitest';
import type { AmbushAct } from '../src/faults/ambush.ts';
import type { Fault, FaultAct } from '../src/faults/fault.ts';
import { suspendedAtRoll } from '../src/run/provoked.ts';
import type { Setup } from '../src/run/setup.ts';
import { type Outcome, simulate } from '../src/run/simulate.ts';
import type { CallStep } from '../src/storage/line.ts';
import { calm } from '../src/world/weather.ts';

type Step = readonly [operation: string, about: string | undefined];

/** All calls a commit, a roll and a takeover are made of. */
const OF_A_LEADER: readonly Step[] = [
  ['writePages', undefined],
  ['createSegment', undefined],
  ['renew', 'leader-lease'],
];
const OF_A_TAKEOVER: readonly Step[] = [
  ['get', 'leader'],
  ['acquire', 'takeover-lease'],
  ['break', 'leader-lease'],
  ['acquire', 'leader-lease'],
  ['get', 'leader-claim'],
  ['put', 'leader'],
  ['put', 'leader-claim'],
  ['release', 'takeover-lease'],
  ['listSegments', undefined],
  ['fence', undefined],
  ['segmentProperties', undefined],
  ['writtenRanges', undefined],
  ['clearPages', undefined],
];
const STEPS: readonly CallStep[] = ['sent', 'applied', 'answered'];
const AMBUSHED_AT_MS = 1000;

function ambush([operation, about]: Step, step: CallStep, act: AmbushAct): FaultAct {
  return { kind: 'ambush', ambush: { node: undefined, operation, about, nth: 1, step, act, forMs: 2500 } };
}

/** Fair weather, small segments, and nothing but these faults. */
function only(faults: readonly FaultAct[]): (setup: Setup) => Setup {
  return (setup) => ({
    ...setup,
    weather: calm,
    calmAtMs: 8000,
    streams: [{ name: 'orders', segmentCommits: 2 }],
    producers: setup.producers.map((producer) => ({
      ...producer,
      stream: 'orders',
      pauseMs: 100,
      onCondition: false,
    })),
    consumers: setup.consumers.map((consumer) => ({ ...consumer, stream: 'orders' })),
    faults: faults.map((fault): Fault => ({ atMs: AMBUSHED_AT_MS, ...fault })),
  });
}

const acts: readonly AmbushAct[] = ['crash', 'freeze', 'suspend'];

test.each(acts)(
  'a leader may %s at any step of a commit, a roll and a renewal',
  async (act) => {
    for (const [index, step] of OF_A_LEADER.entries()) {
      for (const when of STEPS) {
        const outcome = await simulate(500 + index, { change: only([ambush(step, when, act)]) });
        expect([step, when, outcome.findings]).toEqual([step, when, []]);
        expect([step, when, outcome.counts.sprung]).toEqual([step, when, 1]);
      }
    }
  },
  120_000,
);

/** The leader dies with half a commit written, so that there is something to clear. Now and then no page of it has landed. */
async function takeoverWith(fault: FaultAct): Promise<Outcome> {
  const dies = ambush(['writePages', undefined], 'sent', 'tearAndCrash');
  for (let seed = 600; ; seed += 1) {
    const outcome = await simulate(seed, { change: only([dies, fault]) });
    if (outcome.counts.sprung === 2 || outcome.findings.length > 0 || seed === 608) return outcome;
  }
}

test.each(acts)(
  'its successor may %s at any step of the takeover',
  async (act) => {
    for (const step of OF_A_TAKEOVER) {
      for (const when of STEPS) {
        const outcome = await takeoverWith(ambush(step, when, act));
        expect([step, when, outcome.findings]).toEqual([step, when, []]);
        expect([step, when, outcome.counts.sprung]).toEqual([step, when, 2]);
      }
    }
  },
  120_000,
);

test('a leader that is suspended before a roll, until that segment has been written and deleted, harms nobody', async () => {
  let sprung = 0;
  for (let seed = 700; seed < 740; seed += 1) {
    const outcome = await simulate(seed, { change: suspendedAtRoll });
    expect([seed, outcome.findings]).toEqual([seed, []]);
    sprung += outcome.counts.sprung;
  }
  expect(sprung).toBeGreaterThan(20);
}, 120_000);
