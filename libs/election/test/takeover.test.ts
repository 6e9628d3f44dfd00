import { describe, expect, it } from 'vitest';
import { Cluster } from './cluster.ts';
import { pair, SEEDS } from './pair.ts';

const names = (cluster: Cluster): string[] => cluster.led.map((line) => line.name);

describe('a leader that dies', () => {
  it.each(SEEDS)('is replaced in well under a second when it was killed (seed %i)', async (seed) => {
    const { cluster, master } = await pair({ seed });
    await cluster.advance(seed * 23);
    master.kill();
    expect(await cluster.untilLeads('slave')).toBeLessThan(600);
    await cluster.advance(60_000);
    expect(names(cluster)).toEqual(['master', 'slave']);
    cluster.checkInvariants();
  });

  it('is replaced when there is no witness to ask', async () => {
    const { cluster, master } = await pair({ witness: false });
    master.kill();
    expect(await cluster.untilLeads('slave')).toBeLessThan(600);
  });

  it('is replaced when its lease has run out, where no witness answers', async () => {
    const { cluster, master } = await pair();
    cluster.node('reader').kill();
    master.kill();
    const took = await cluster.untilLeads('slave');
    expect(took).toBeGreaterThan(5000);
    expect(took).toBeLessThan(16_000 + 5000);
  });

  it('is replaced at once, where no witness answers and the settings say so', async () => {
    const { cluster, master } = await pair({ slave: { settings: { whenNoWitnessAnswers: 'break' } } });
    cluster.node('reader').kill();
    master.kill();
    expect(await cluster.untilLeads('slave')).toBeLessThan(1200);
  });

  it('is not replaced over two lost probes', async () => {
    const { cluster, master, slave } = await pair();
    for (let times = 0; times < 30; times++) {
      cluster.cutBetween('master', 'slave');
      await cluster.advance(260);
      cluster.healBetween('master', 'slave');
      await cluster.advance(1700);
    }
    expect(names(cluster)).toEqual(['master']);
    expect(master.isLeading).toBe(true);
    expect(slave.alarms).toEqual([]);
  });

  it.each(SEEDS)(
    'is replaced by exactly one of three that stand by, and the others follow it (seed %i)',
    async (seed) => {
      const cluster = new Cluster({ seed });
      cluster.start('master', { wantsToLead: true });
      await cluster.untilLeads('master');
      for (const name of ['one', 'two', 'three']) cluster.start(name);
      cluster.startWitness('reader');
      await cluster.advance(3000 + seed * 31);
      cluster.node('master').kill();
      await cluster.until(() => cluster.leaders().length === 1, 1000);
      await cluster.advance(30_000);
      expect(cluster.led).toHaveLength(2);
      const [leader = ''] = cluster.leaders();
      for (const name of ['one', 'two', 'three', 'reader']) {
        expect(cluster.node(name).election.state()).toMatchObject({ epoch: 2, leader: { nodeId: leader } });
      }
    },
  );

  it('tells everybody who leads now, so that nobody has to find out', async () => {
    const { cluster, master } = await pair();
    const reader = cluster.node('reader');
    master.kill();
    await cluster.untilLeads('slave');
    await cluster.advance(30);
    expect(reader.election.state().leader).toMatchObject({ nodeId: 'slave', epoch: 2 });
  });
});

describe('a standby that dies while it takes over', () => {
  it.each(SEEDS)(
    'leaves the lead to the next one, at the latest when its leases have run out (seed %i)',
    async (seed) => {
      const cluster = new Cluster({ seed });
      cluster.start('master', { wantsToLead: true });
      await cluster.untilLeads('master');
      for (const name of ['one', 'two']) cluster.start(name);
      cluster.startWitness('reader');
      await cluster.advance(3000);
      cluster.node('master').kill();
      const contends = (name: string): boolean => cluster.node(name).link.count('acquire') > 0;
      await cluster.until(() => contends('one') || contends('two'));
      await cluster.advance(seed);
      const [first, second] = contends('one') ? ['one', 'two'] : ['two', 'one'];
      cluster.node(first).kill();
      const before = cluster.node(second).link.calls.length;
      await cluster.untilLeads(second, 20_000);
      expect(cluster.node(second).link.calls.length - before).toBeLessThan(200);
      cluster.checkInvariants();
    },
  );
});

describe('a leader that is frozen', () => {
  it.each(SEEDS)(
    'is replaced in a second; thawed, it acknowledges nothing and stands by (seed %i)',
    async (seed) => {
      const { cluster, master, slave } = await pair({ seed, busy: true });
      await cluster.advance(seed * 23);
      master.runtime.freeze();
      expect(await cluster.untilLeads('slave')).toBeLessThan(1000);
      await cluster.advance(seed * 3000);
      const before = master.scribe?.acknowledged.length;
      master.runtime.thaw();
      await cluster.advance(500);
      expect(master.role).toBe('standby');
      expect(master.events.filter((event) => event.startsWith('stepDown'))).toHaveLength(1);
      expect(master.scribe?.acknowledged.length).toBe(before);
      await cluster.advance(60_000);
      expect(slave.isLeading).toBe(true);
      expect(names(cluster)).toEqual(['master', 'slave']);
      cluster.checkInvariants();
    },
  );

  it('steps down even when it was idle and had nothing to write', async () => {
    const { cluster, master } = await pair();
    master.runtime.freeze();
    await cluster.untilLeads('slave');
    master.runtime.thaw();
    await cluster.advance(200);
    expect(master.role).toBe('standby');
  });

  it('goes on leading after a pause too short for anybody to take over', async () => {
    const { cluster, master } = await pair({ busy: true });
    master.runtime.freeze();
    await cluster.advance(400);
    master.runtime.thaw();
    await cluster.advance(30_000);
    expect(master.isLeading).toBe(true);
    expect(names(cluster)).toEqual(['master']);
  });
});

describe('a standby', () => {
  it('that was frozen itself does not take what it slept through for a dead leader', async () => {
    const { cluster, slave } = await pair();
    for (const pauseMs of [300, 700, 3000, 60_000]) {
      slave.runtime.freeze();
      await cluster.advance(pauseMs);
      slave.runtime.thaw();
      await cluster.advance(3000);
    }
    expect(names(cluster)).toEqual(['master']);
    expect(slave.role).toBe('standby');
  });

  it('that is cut off from a leader others reach stays where it is and says so, until the link is back', async () => {
    const { cluster, master, slave } = await pair();
    cluster.cutBetween('master', 'slave');
    await cluster.advance(120_000);
    expect(names(cluster)).toEqual(['master']);
    expect(master.isLeading).toBe(true);
    expect(slave.alarms).toEqual(['cut_off_from_leader']);
    expect(slave.election.state()).toMatchObject({
      decision: 'cut_off',
      witnesses: [{ answer: 'reachable' }],
    });
    cluster.healBetween('master', 'slave');
    await cluster.advance(1000);
    expect(slave.alarms).toEqual([]);
    expect(slave.events.filter((event) => event.startsWith('alarm'))).toEqual(['alarm cut_off_from_leader']);
  });

  it('that is cut off from everybody but the storage leaves a leader alone that goes on renewing', async () => {
    const { cluster, master } = await pair();
    cluster.cutBetween('master', 'slave');
    cluster.cutBetween('reader', 'slave');
    await cluster.advance(120_000);
    expect(names(cluster)).toEqual(['master']);
    expect(master.isLeading).toBe(true);
  });

  it('that is cut off from the storage only says so, and is well again afterwards', async () => {
    const { cluster, slave } = await pair();
    slave.link.cut('refuse');
    await cluster.advance(60_000);
    expect(slave.alarms).toEqual(['storage_unreachable']);
    expect(slave.election.state().readiness.ready).toBe(false);
    expect(names(cluster)).toEqual(['master']);
    slave.link.heal();
    await cluster.advance(10_000);
    expect(slave.alarms).toEqual([]);
    expect(slave.election.state().readiness.ready).toBe(true);
  });

  it('costs the storage less than ten calls a minute while the leader is well, a leader less than thirty', async () => {
    const { cluster, master, slave } = await pair();
    const reader = cluster.node('reader');
    await cluster.advance(60_000);
    const before = [master, slave, reader].map((node) => node.link.calls.length);
    await cluster.advance(600_000);
    const perMinute = [master, slave, reader].map(
      (node, index) => (node.link.calls.length - (before[index] ?? 0)) / 10,
    );
    expect(perMinute[0]).toBeLessThan(20);
    expect(perMinute[1]).toBeLessThanOrEqual(4);
    expect(perMinute[2]).toBeLessThanOrEqual(2);
    expect(slave.election.state().storage.calls).toBe(slave.link.calls.length);
  });

  it('never hurries the storage for long, though the leader stays away for an hour', async () => {
    const { cluster, slave } = await pair();
    cluster.cutBetween('master', 'slave');
    await cluster.advance(60_000);
    const before = slave.link.calls.length;
    await cluster.advance(600_000);
    expect((slave.link.calls.length - before) / 10).toBeLessThan(30);
  });
});

describe('time', () => {
  it('can jump on any wall clock without a change of leader', async () => {
    const { cluster, master, slave } = await pair({ busy: true });
    for (const jumpMs of [3_600_000, -7_200_000, 86_400_000, -86_400_000]) {
      master.runtime.wallOffsetMs += jumpMs;
      await cluster.advance(20_000);
      slave.runtime.wallOffsetMs -= jumpMs;
      await cluster.advance(20_000);
    }
    expect(names(cluster)).toEqual(['master']);
    expect(master.isLeading).toBe(true);
  });
});
