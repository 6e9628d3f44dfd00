import { SeededRandom } from '@message-vault/runtime/testing';
import { describe, expect, it } from 'vitest';
import { Cluster } from './cluster.ts';
import type { Fate } from './link.ts';

const NAMES = ['a', 'b', 'c'] as const;
const ROUNDS = 12;

/** Seeds that once failed are added here, so that they are run for ever. */
const SEEDS = Array.from({ length: 60 }, (_, index) => index + 1);

function randomFault(cluster: Cluster, rng: SeededRandom): void {
  const node = cluster.node(rng.pick(NAMES));
  const other = cluster.node(rng.pick([...NAMES, 'reader']));
  const fates: Fate[] = ['pass', 'pass', 'refuse', 'lose', 'lose_answer', 'throttle'];
  const faults: (() => void)[] = [
    () => node.kill(),
    () => node.runtime.freeze(),
    () => node.link.cut(rng.pick(['refuse', 'lose'])),
    () => {
      node.link.fate = () => (rng.chance(0.1) ? { arriveAfterMs: rng.below(20_000) } : rng.pick(fates));
    },
    () => cluster.cutBetween(node.name, other.name),
    () => void cluster.breakLease(),
    () => {
      node.runtime.wallOffsetMs += rng.pick([-3_600_000, 3_600_000]);
    },
    () => void node.election.handover().catch(() => {}),
  ];
  rng.pick(faults)();
}

function healOne(cluster: Cluster, rng: SeededRandom): void {
  const name = rng.pick(NAMES);
  const node = cluster.node(name);
  if (node.runtime.isKilled) cluster.start(name, { wantsToLead: name === 'a', busy: true });
  node.runtime.thaw();
  node.link.heal();
}

function healAll(cluster: Cluster): void {
  for (const name of NAMES) {
    const node = cluster.node(name);
    if (node.runtime.isKilled) cluster.start(name, { wantsToLead: name === 'a', busy: true });
    node.runtime.thaw();
    node.link.heal();
    for (const other of [...NAMES, 'reader']) cluster.healBetween(name, other);
  }
}

async function run(seed: number): Promise<Cluster> {
  const rng = new SeededRandom(seed);
  const cluster = new Cluster({ seed });
  for (const name of NAMES) cluster.start(name, { wantsToLead: name === 'a', busy: true });
  cluster.startWitness('reader');
  await cluster.advance(rng.below(3000));
  for (let round = 0; round < ROUNDS; round++) {
    randomFault(cluster, rng);
    await cluster.advance(rng.below(rng.pick([100, 1000, 10_000])));
    if (rng.chance(0.6)) healOne(cluster, rng);
    await cluster.advance(rng.below(2000));
  }
  return cluster;
}

describe('whatever happens', () => {
  it.each(SEEDS)(
    'epochs are unique and rise; when all is well again, one node leads soon, and for good (seed %i)',
    async (seed) => {
      const cluster = await run(seed);
      healAll(cluster);
      const before = cluster.led.length;
      await cluster.until(() => cluster.leaders().length === 1, 20_000);
      // A call that breaks the lease may still be on its way, for 20 s at most, and hit whoever holds it then.
      await cluster.advance(25_000);
      const terms = cluster.led.length;
      expect(terms - before, cluster.report()).toBeLessThanOrEqual(2);
      await cluster.advance(60_000);
      expect(cluster.leaders(), cluster.report()).toHaveLength(1);
      expect(cluster.led.length, cluster.report()).toBe(terms);
      cluster.checkInvariants();
    },
  );

  it('a run is the same every time for one seed', async () => {
    const [first, second] = [await run(7), await run(7)];
    expect(second.led).toEqual(first.led);
    expect(second.node('a').link.calls).toEqual(first.node('a').link.calls);
  });
});
