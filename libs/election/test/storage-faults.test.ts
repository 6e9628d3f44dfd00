import { describe, expect, it } from 'vitest';
import type { Cluster } from './cluster.ts';
import { pair, SEEDS } from './pair.ts';

const names = (cluster: Cluster): string[] => cluster.led.map((line) => line.name);

describe('a leader cut off from the storage', () => {
  it.each(
    SEEDS.flatMap((seed) => [
      { seed, how: 'refuse' as const },
      { seed, how: 'lose' as const },
    ]),
  )(
    'says that it can not lead and is replaced within two seconds while it is busy ($how, seed $seed)',
    async ({ seed, how }) => {
      const { cluster, master, slave } = await pair({ seed, busy: true });
      await cluster.advance(seed * 23);
      master.link.cut(how);
      expect(await cluster.untilLeads('slave')).toBeLessThan(1800);
      // It can't learn so from the storage, but from the one that took over.
      await cluster.advance(1000);
      expect(master.role).toBe('standby');
      expect(master.election.state().leader).toMatchObject({ nodeId: 'slave', epoch: 2 });
      await cluster.advance(20_000);
      master.link.heal();
      await cluster.advance(60_000);
      expect(names(cluster)).toEqual(['master', 'slave']);
      expect(slave.isLeading).toBe(true);
      cluster.checkInvariants();
    },
  );

  it('is found out at its next renewal while it is idle', async () => {
    const { cluster, master } = await pair();
    master.link.cut('lose');
    expect(await cluster.untilLeads('slave')).toBeLessThan(5000 + 1800);
  });

  it('stops at its deadline when nobody can take over, and leads again when the storage is back', async () => {
    const { cluster, master, slave } = await pair({ busy: true });
    slave.kill();
    master.link.cut('refuse');
    await cluster.advance(8900);
    expect(master.isLeading).toBe(true);
    expect(master.election.state().readiness).toMatchObject({ ready: false });
    await cluster.advance(5500);
    expect(master.isLeading).toBe(false);
    expect(master.role).toBe('standby');
    master.link.heal();
    await cluster.untilLeads('master', 10_000);
    expect(cluster.led.map((line) => line.epoch)).toEqual([1, 2]);
  });

  it('that learns of a newer leader by its hint alone steps down, after asking that leader', async () => {
    const { cluster, master } = await pair();
    master.link.cut('lose');
    await cluster.untilLeads('slave');
    await cluster.advance(100);
    expect(master.role).toBe('standby');
    expect(master.events.at(-1)).toBe('stepDown slave leads under epoch 2');
  });

  it('that nobody tells anything asks the others, and steps down', async () => {
    const { cluster, master } = await pair({ busy: true });
    cluster.notifyWorks = false;
    master.link.cut('lose');
    await cluster.untilLeads('slave');
    await cluster.advance(500);
    expect(master.events.at(-1)).toBe('stepDown slave leads under epoch 2');
  });

  it('does not believe a hint that the one it names does not confirm', async () => {
    const { cluster, master, slave } = await pair();
    for (const url of [slave.url, 'http://liar']) {
      const taken = master.election.hint({ kind: 'leader-changed', epoch: 99, nodeId: 'liar', url });
      expect(await cluster.runtime.run(taken)).toBe(false);
    }
    await cluster.advance(10_000);
    expect(master.isLeading).toBe(true);
    expect(names(cluster)).toEqual(['master']);
  });
});

describe('a storage that fails everybody', () => {
  // Each of these lengths once ended with a standby that found the storage well a moment before the leader did.
  it.each(
    [1500, 2418, 3240, 5295, 5432, 6391, 7213, 8000].flatMap((forMs) =>
      (['refuse', 'lose', 'throttle'] as const).map((how) => ({ forMs, how })),
    ),
  )('for $forMs ms changes no leader ($how)', async ({ forMs, how }) => {
    const { cluster, master } = await pair({ busy: true, seed: forMs });
    for (const node of cluster.nodes.values()) node.link.fate = () => how;
    await cluster.advance(forMs);
    for (const node of cluster.nodes.values()) node.link.heal();
    await cluster.advance(20_000);
    expect(names(cluster)).toEqual(['master']);
    expect(master.isLeading).toBe(true);
  });

  it.each(SEEDS)('for 30 s causes at most one change after it is back (seed %i)', async (seed) => {
    const { cluster } = await pair({ seed, busy: true });
    await cluster.advance(seed * 100);
    for (const node of cluster.nodes.values()) node.link.cut(seed % 2 === 0 ? 'refuse' : 'lose');
    await cluster.advance(30_000);
    expect(cluster.leaders()).toEqual([]);
    for (const node of cluster.nodes.values()) node.link.heal();
    await cluster.until(() => cluster.leaders().length === 1, 10_000);
    await cluster.advance(60_000);
    expect(cluster.led).toHaveLength(2);
    cluster.checkInvariants();
  });

  it.each(SEEDS)('now and then for a minute causes no storm of changes (seed %i)', async (seed) => {
    const { cluster } = await pair({ seed, busy: true });
    for (const node of cluster.nodes.values()) {
      node.link.fate = () => (cluster.runtime.rng.chance(0.4) ? 'throttle' : 'pass');
    }
    await cluster.advance(60_000);
    for (const node of cluster.nodes.values()) node.link.heal();
    await cluster.advance(30_000);
    expect(cluster.leaders()).toHaveLength(1);
    expect(cluster.led.length).toBeLessThanOrEqual(2);
  });
});

describe('a lease that is broken by hand', () => {
  it.each(SEEDS)('costs one change of leader and a short pause (seed %i)', async (seed) => {
    const { cluster, master } = await pair({ seed, busy: true });
    await cluster.advance(seed * 470);
    await cluster.breakLease();
    await cluster.until(() => cluster.led.length === 2, 7000);
    await cluster.advance(60_000);
    expect(names(cluster)).toEqual(['master', 'slave']);
    expect(cluster.leaders()).toEqual(['slave']);
    expect(master.role).toBe('standby');
    cluster.checkInvariants();
  });

  it('is taken again by a leader that is alone', async () => {
    const { cluster, master, slave } = await pair();
    slave.kill();
    await cluster.breakLease();
    await cluster.until(() => cluster.led.length === 2, 10_000);
    expect(master.isLeading).toBe(true);
    await cluster.advance(60_000);
    expect(names(cluster)).toEqual(['master', 'master']);
  });
});

describe('a leader whose log proves that it is not the leader', () => {
  it('steps down within the very call', async () => {
    const { cluster, master } = await pair();
    const { leadership } = master.election;
    leadership?.lost('the storage has seen a newer epoch');
    expect(leadership?.isLeading()).toBe(false);
    expect(master.role).toBe('standby');
    expect(master.events.at(-1)).toBe('stepDown the storage has seen a newer epoch');
    leadership?.lost('again');
    expect(master.events.filter((event) => event.startsWith('stepDown'))).toHaveLength(1);
    await cluster.until(() => cluster.leaders().length === 1, 5000);
    expect(names(cluster)).toEqual(['master', 'slave']);
  });

  it('does not wait for its own old lease when letting go of it was lost', async () => {
    const { cluster, master, slave } = await pair();
    slave.kill();
    master.link.fate = (operation) => (operation === 'release' ? 'lose' : 'pass');
    master.election.leadership?.lost('the writer broke');
    expect(await cluster.untilLeads('master')).toBeLessThan(3000);
  });

  it('leaves the others more and more time when it fails again and again', async () => {
    const { cluster, master, slave } = await pair();
    slave.kill();
    for (let times = 0; times < 6; times++) {
      await cluster.untilLeads('master', 60_000);
      master.election.leadership?.lost('the writer broke');
    }
    const gaps = cluster.led.slice(1).map((line, index) => line.at - (cluster.led[index]?.at ?? 0));
    expect(gaps.at(-1)).toBeGreaterThan(8 * 1000);
  });

  it('that can not even begin to lead lets another one try', async () => {
    const { cluster, master, slave } = await pair({
      slave: { lead: () => Promise.reject(new Error('no disk')) },
    });
    master.kill();
    await cluster.until(() => slave.events.some((event) => event.startsWith('stepDown')), 2000);
    expect(slave.events.at(-1)).toBe('stepDown could not begin to lead: no disk');
    expect(slave.role).toBe('standby');
  });
});
