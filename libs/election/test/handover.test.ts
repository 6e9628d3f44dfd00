import { LEADER_LEASE } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { ElectionError } from '../src/index.ts';
import { Cluster } from './cluster.ts';
import { pair, SEEDS } from './pair.ts';

const names = (cluster: Cluster): string[] => cluster.led.map((line) => line.name);

describe('a planned handover', () => {
  it.each(SEEDS)(
    'takes less than a tenth of a second, and leads to one change of leader (seed %i)',
    async (seed) => {
      const { cluster, master, slave } = await pair({ seed, busy: true });
      await cluster.advance(seed * 23);
      const startedAt = cluster.runtime.monotonic();
      const result = await cluster.runtime.run(master.election.handover());
      expect(result).toMatchObject({ done: true, leader: { nodeId: 'slave', epoch: 2 } });
      expect(cluster.runtime.monotonic() - startedAt).toBeLessThan(100);
      expect(slave.isLeading).toBe(true);
      expect(master.events).toEqual(['lead 1', 'drain', 'stepDown handed over to slave']);
      await cluster.advance(60_000);
      expect(names(cluster)).toEqual(['master', 'slave']);
      expect(master.role).toBe('standby');
      cluster.checkInvariants();
    },
  );

  it('goes there and back as often as one likes', async () => {
    const { cluster, master, slave } = await pair({ busy: true });
    for (let times = 0; times < 5; times++) {
      const leader = master.isLeading ? master : slave;
      expect(await cluster.runtime.run(leader.election.handover())).toMatchObject({ done: true });
      await cluster.advance(100);
    }
    expect(names(cluster)).toEqual(['master', 'slave', 'master', 'slave', 'master', 'slave']);
    cluster.checkInvariants();
  });

  it('lets both nodes say the same of the leader, since when it leads included', async () => {
    const { cluster, master, slave } = await pair({ busy: true });
    // So that it has to ask the other one who leads.
    master.link.fate = (operation) => (operation === 'get' ? 'refuse' : 'pass');
    await cluster.runtime.run(master.election.handover());
    expect(master.election.state().leader).toMatchObject({ nodeId: 'slave', epoch: 2 });
    expect(master.election.state().leader).toEqual(slave.election.state().leader);
  });

  it('lets go of nothing before what is in flight is finished', async () => {
    const drained = Promise.withResolvers<void>();
    const { cluster, master } = await pair({ master: { drain: () => drained.promise } });
    const handover = master.election.handover();
    await cluster.advance(2000);
    expect(master.role).toBe('draining');
    expect(master.isLeading).toBe(true);
    expect(cluster.leaders()).toEqual(['master']);
    drained.resolve();
    expect(await cluster.runtime.run(handover)).toMatchObject({ done: true });
    expect(names(cluster)).toEqual(['master', 'slave']);
  });

  it('does not wait for ever for what is in flight', async () => {
    const { cluster, master } = await pair({ master: { drain: () => new Promise(() => {}) } });
    expect(await cluster.runtime.run(master.election.handover(), 6000)).toMatchObject({ done: true });
  });

  it('goes on when what is in flight can not be finished', async () => {
    const { cluster, master } = await pair({ master: { drain: () => Promise.reject(new Error('stuck')) } });
    expect(await cluster.runtime.run(master.election.handover())).toMatchObject({ done: true });
  });

  it('is not begun where nobody stands by', async () => {
    const { cluster, master, slave } = await pair();
    slave.kill();
    const result = await cluster.runtime.run(master.election.handover());
    expect(result).toEqual({ done: false, reason: 'no standby is ready' });
    expect(master.isLeading).toBe(true);
    expect(master.events).toEqual(['lead 1']);
  });

  it('that nobody completes ends with the old leader leading again, under a new epoch', async () => {
    const { cluster, master, slave } = await pair({ busy: true });
    const handover = master.election.handover();
    await cluster.until(() => master.role === 'draining');
    slave.kill();
    const result = await cluster.runtime.run(handover);
    expect(result).toEqual({ done: false, reason: 'nobody took over' });
    expect(master.events).toEqual(['lead 1', 'drain', 'lead 2']);
    expect(master.isLeading).toBe(true);
    cluster.checkInvariants();
  });

  it('works without a word between the nodes: the standby notices by itself', async () => {
    const { cluster, master } = await pair();
    cluster.notifyWorks = false;
    const startedAt = cluster.runtime.monotonic();
    expect(await cluster.runtime.run(master.election.handover())).toMatchObject({ done: true });
    expect(cluster.runtime.monotonic() - startedAt).toBeLessThan(600);
    expect(names(cluster)).toEqual(['master', 'slave']);
  });

  it('reaches another standby when the first one does nothing', async () => {
    const cluster = new Cluster();
    cluster.start('master', { wantsToLead: true });
    await cluster.untilLeads('master');
    for (const name of ['one', 'two']) cluster.start(name);
    await cluster.advance(3000);
    const handover = cluster.node('master').election.handover();
    await cluster.until(() => cluster.node('master').role === 'draining');
    cluster.node('one').runtime.freeze();
    expect(await cluster.runtime.run(handover)).toMatchObject({ done: true, leader: { nodeId: 'two' } });
    cluster.node('one').runtime.thaw();
    await cluster.advance(30_000);
    expect(cluster.led).toHaveLength(2);
  });

  it('is possible even though the answer to releasing the lease was lost', async () => {
    const { cluster, master } = await pair();
    master.link.fate = (operation) => (operation === 'release' ? 'lose_answer' : 'pass');
    expect(await cluster.runtime.run(master.election.handover(), 10_000)).toMatchObject({ done: true });
    await cluster.advance(30_000);
    expect(names(cluster)).toEqual(['master', 'slave']);
  });

  it('ends when leadership is lost over it', async () => {
    const { cluster, master } = await pair({ master: { drain: () => new Promise(() => {}) } });
    const handover = master.election.handover();
    await cluster.until(() => master.role === 'draining');
    master.election.leadership?.lost('fenced');
    expect(await cluster.runtime.run(handover, 6000)).toEqual({
      done: false,
      reason: 'leadership was lost meanwhile',
    });
    await cluster.advance(10_000);
    expect(names(cluster)).toEqual(['master', 'slave']);
  });

  it('can not be asked of a node that does not lead, nor twice at once', async () => {
    const { cluster, master, slave } = await pair();
    await expect(slave.election.handover()).rejects.toThrow(ElectionError);
    const first = master.election.handover();
    await expect(master.election.handover()).rejects.toMatchObject({ code: 'already_handing_over' });
    await cluster.runtime.run(first);
  });
});

describe('stopping', () => {
  it('hands over first', async () => {
    const { cluster, master } = await pair({ busy: true });
    const startedAt = cluster.runtime.monotonic();
    await cluster.runtime.run(master.election.stop());
    expect(cluster.runtime.monotonic() - startedAt).toBeLessThan(200);
    expect(cluster.leaders()).toEqual(['slave']);
    expect(master.events).toEqual(['lead 1', 'drain', 'stepDown handed over to slave']);
    expect(master.role).toBe('stopped');
    cluster.checkInvariants();
  });

  it('lets go of the lease where nobody stands by', async () => {
    const { cluster, master, slave } = await pair();
    slave.kill();
    await cluster.runtime.run(master.election.stop());
    expect(await cluster.storage.leases.isHeld(LEADER_LEASE)).toBe(false);
    expect(master.events.slice(-2)).toEqual(['drain', 'stepDown nobody took over']);
  });

  it('ends everything: no probe, no storage call, no timer, whatever the role', async () => {
    for (const role of ['leading', 'standby', 'starting', 'fenced'] as const) {
      const { cluster, master, slave } = await pair();
      const node = role === 'leading' ? master : slave;
      if (role === 'fenced')
        await cluster.storage.documents.delete('leader', {
          ifMatch: (await cluster.leaderDocument())?.etag ?? '',
        });
      if (role === 'fenced') await cluster.until(() => slave.role === 'fenced');
      const stopping = role === 'starting' ? cluster.start('new') : node;
      await cluster.runtime.run(stopping.election.stop());
      const calls = stopping.link.calls.length;
      await cluster.advance(120_000);
      // The last word to the storage, releasing a lease, may still be on its way.
      expect(stopping.link.calls.length).toBeLessThanOrEqual(calls + 1);
      expect(stopping.role).toBe('stopped');
    }
  });

  it('can be asked twice, and while a handover is running', async () => {
    const { cluster, master } = await pair();
    const handover = master.election.handover();
    await cluster.runtime.run(Promise.all([handover, master.election.stop(), master.election.stop()]));
    expect(master.role).toBe('stopped');
    expect(cluster.leaders()).toEqual(['slave']);
  });

  it('in the moment it wins lets go again', async () => {
    const cluster = new Cluster();
    const master = cluster.start('master', { wantsToLead: true });
    await cluster.until(() => master.link.count('acquire') === 1);
    await cluster.runtime.run(master.election.stop());
    await cluster.advance(100);
    expect(master.events).toEqual([]);
    expect(await cluster.storage.leases.isHeld(LEADER_LEASE)).toBe(false);
  });
});

describe('a hint', () => {
  it('to take over does nothing where the leader has not let go', async () => {
    const { cluster, master, slave } = await pair();
    expect(await cluster.runtime.run(slave.election.hint({ kind: 'take-over', epoch: 1 }))).toBe(false);
    expect(master.isLeading).toBe(true);
    expect(names(cluster)).toEqual(['master']);
  });

  it('of an epoch long gone does nothing at all', async () => {
    const { cluster, slave } = await pair();
    await cluster.runtime.run(cluster.node('master').election.handover());
    const before = slave.link.calls.length;
    expect(await slave.election.hint({ kind: 'take-over', epoch: 1 })).toBe(true);
    expect(await cluster.node('master').election.hint({ kind: 'take-over', epoch: 1 })).toBe(false);
    expect(slave.link.calls.length).toBe(before);
  });

  it('from nowhere can not make a node busy', async () => {
    const { cluster, slave } = await pair();
    const before = slave.link.calls.length;
    for (let times = 0; times < 1000; times++) {
      void slave.election.hint({
        kind: 'leader-changed',
        epoch: 1000 + times,
        nodeId: 'x',
        url: 'http://nowhere',
      });
      await cluster.advance(1);
    }
    expect(slave.link.calls.length - before).toBeLessThan(20);
  });
});

describe('a witness', () => {
  it('says whether it reaches the leader, and asks no address it was not told of', async () => {
    const { cluster, master } = await pair();
    const reader = cluster.node('reader');
    expect(await cluster.runtime.run(reader.election.witness(master.url))).toBe('reachable');
    expect(await reader.election.witness('http://169.254.169.254')).toBe('no_answer');
    master.kill();
    expect(await cluster.runtime.run(reader.election.witness(master.url))).toBe('unreachable');
  });
});
