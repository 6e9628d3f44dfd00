import { LEADER_LEASE } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { Cluster } from './cluster.ts';
import { pair, SEEDS } from './pair.ts';

const names = (cluster: Cluster): string[] => cluster.led.map((line) => line.name);

describe('a cluster that starts cold', () => {
  it('is led at once by the node that is configured to', async () => {
    const cluster = new Cluster();
    cluster.start('slave');
    cluster.start('master', { wantsToLead: true });
    expect(await cluster.untilLeads('master')).toBeLessThan(100);
    await cluster.advance(10_000);
    expect(names(cluster)).toEqual(['master']);
    expect(cluster.node('slave').role).toBe('standby');
  });

  it('is led by a slave that waited a moment for a master that does not come', async () => {
    const cluster = new Cluster();
    cluster.start('slave');
    const took = await cluster.untilLeads('slave');
    expect(took).toBeGreaterThanOrEqual(1000);
    expect(took).toBeLessThan(1500);
  });

  it.each(SEEDS)('is led by exactly one of two masters that start at once (seed %i)', async (seed) => {
    const cluster = new Cluster({ seed });
    for (const name of ['one', 'two', 'three']) cluster.start(name, { wantsToLead: true });
    await cluster.until(() => cluster.leaders().length === 1, 1000);
    await cluster.advance(60_000);
    expect(cluster.led).toHaveLength(1);
    expect(cluster.leaders()).toHaveLength(1);
  });

  it('leaves the roles as they are when the master joins late', async () => {
    const cluster = new Cluster();
    cluster.start('slave');
    await cluster.untilLeads('slave');
    const master = cluster.start('master', { wantsToLead: true });
    await cluster.advance(60_000);
    expect(names(cluster)).toEqual(['slave']);
    expect(master.role).toBe('standby');
  });

  it('is not led by a reader, whatever happens', async () => {
    const cluster = new Cluster();
    const reader = cluster.startWitness('reader');
    await cluster.advance(60_000);
    expect(reader.role).toBe('standby');
    expect(reader.link.calls.some((call) => call.operation === 'acquire')).toBe(false);
    expect(await reader.election.hint({ kind: 'take-over', epoch: 9 })).toBe(false);
    cluster.start('master', { wantsToLead: true });
    await cluster.advance(500);
    expect(reader.election.state().leader).toMatchObject({ nodeId: 'master' });
  });

  it('waits for a storage that is not there yet, says so, and then starts', async () => {
    const cluster = new Cluster();
    const master = cluster.start('master', { wantsToLead: true });
    master.link.cut('refuse');
    await cluster.advance(20_000);
    expect(master.role).toBe('starting');
    expect(master.alarms).toEqual(['storage_unreachable']);
    expect(master.link.calls.length).toBeLessThan(60);
    master.link.heal();
    expect(await cluster.untilLeads('master')).toBeLessThan(6000);
    expect(master.alarms).toEqual([]);
  });
});

describe('a restarted node', () => {
  it('that is alone leads at once after a kill, with a new epoch, and does not wait for its own old lease', async () => {
    const cluster = new Cluster();
    cluster.start('master', { wantsToLead: true });
    await cluster.untilLeads('master');
    await cluster.advance(7000);
    cluster.node('master').kill();
    await cluster.advance(200);
    expect(await cluster.storage.leases.isHeld(LEADER_LEASE)).toBe(true);
    cluster.start('master', { wantsToLead: true });
    expect(await cluster.untilLeads('master')).toBeLessThan(100);
    expect(cluster.led.map((line) => line.epoch)).toEqual([1, 2]);
  });

  it('does the same as a slave that led last, once it has left the master a moment', async () => {
    const cluster = new Cluster();
    cluster.start('slave');
    await cluster.untilLeads('slave');
    // A node killed over its taking over keeps the others from it for 15 s.
    await cluster.advance(100);
    cluster.node('slave').kill();
    cluster.start('slave');
    expect(await cluster.untilLeads('slave')).toBeLessThan(1200);
  });

  it.each([
    ['that was stopped in order', true],
    ['that was killed', false],
  ])('%s does not take its own former record for two nodes with one URL', async (_, inOrder) => {
    const cluster = new Cluster();
    for (const wantsToLead of [true, false]) {
      const first = cluster.start('node', { wantsToLead });
      await cluster.untilLeads('node');
      if (inOrder) await cluster.runtime.run(first.election.stop());
      first.kill();
      const again = cluster.start('node', { wantsToLead });
      await cluster.untilLeads('node');
      expect(again.events.filter((event) => event.startsWith('alarm'))).toEqual([]);
      again.kill();
    }
  });

  it('raises the alarm at once when the record at its URL is of another node', async () => {
    const cluster = new Cluster();
    cluster.start('first', { wantsToLead: true, url: 'http://127.0.0.1' });
    await cluster.untilLeads('first');
    cluster.loopback.add('http://127.0.0.1');
    const second = cluster.start('second', { url: 'http://127.0.0.1' });
    await cluster.advance(500);
    expect(second.alarms).toEqual(['url_leads_to_myself']);
  });

  it('stands by when a slave has taken over meanwhile', async () => {
    const { cluster, master, slave } = await pair();
    master.kill();
    await cluster.untilLeads('slave');
    const again = cluster.start('master', { wantsToLead: true });
    await cluster.advance(60_000);
    expect(again.role).toBe('standby');
    expect(slave.isLeading).toBe(true);
    expect(names(cluster)).toEqual(['master', 'slave']);
  });

  it.each(SEEDS)(
    'and a slave that takes over in the same moment do not both lead (seed %i)',
    async (seed) => {
      const { cluster, master } = await pair({ seed, busy: true });
      await cluster.advance(seed * 23);
      master.kill();
      await cluster.advance(250 + seed * 20);
      cluster.start('master', { wantsToLead: true, busy: true });
      await cluster.until(() => cluster.leaders().length === 1, 2000);
      await cluster.advance(60_000);
      expect(cluster.led).toHaveLength(2);
      cluster.checkInvariants();
    },
  );

  it.each(SEEDS)(
    'among all that were killed and started at once: one leads within a second or two (seed %i)',
    async (seed) => {
      const { cluster } = await pair({ seed, busy: true });
      await cluster.advance(seed * 900);
      for (const name of ['master', 'slave', 'reader']) cluster.node(name).kill();
      await cluster.advance(100);
      cluster.start('reader', { mayLead: false });
      cluster.start('slave', { busy: true });
      cluster.start('master', { wantsToLead: true, busy: true });
      await cluster.until(() => cluster.leaders().length === 1, 2000);
      await cluster.advance(60_000);
      expect(cluster.led).toHaveLength(2);
      cluster.checkInvariants();
    },
  );

  it('after all were stopped in order leads without delay: the lease was let go', async () => {
    const { cluster, master, slave } = await pair();
    await cluster.runtime.run(slave.election.stop());
    await cluster.runtime.run(master.election.stop());
    expect(await cluster.storage.leases.isHeld(LEADER_LEASE)).toBe(false);
    master.kill();
    slave.kill();
    cluster.start('master', { wantsToLead: true });
    expect(await cluster.untilLeads('master')).toBeLessThan(100);
  });
});

describe('a second process of the same configuration', () => {
  const MASTER = { wantsToLead: true, nodeId: 'master', busy: true };

  it('at another address stands by while the first is alive, and takes over when it dies', async () => {
    const cluster = new Cluster();
    const first = cluster.start('first', { ...MASTER, url: 'http://one' });
    await cluster.untilLeads('first');
    const second = cluster.start('second', { ...MASTER, url: 'http://two' });
    await cluster.advance(60_000);
    expect(second.role).toBe('standby');
    expect(names(cluster)).toEqual(['first']);
    first.kill();
    expect(await cluster.untilLeads('second')).toBeLessThan(600);
    cluster.checkInvariants();
  });

  it('started while the first is frozen stands by until the first is found to be gone', async () => {
    const cluster = new Cluster();
    const first = cluster.start('first', { ...MASTER, url: 'http://one' });
    await cluster.untilLeads('first');
    first.runtime.freeze();
    cluster.start('second', { ...MASTER, url: 'http://two' });
    await cluster.untilLeads('second', 3000);
    first.runtime.thaw();
    await cluster.advance(30_000);
    expect(cluster.leaders()).toEqual(['second']);
    cluster.checkInvariants();
  });

  it('that even answers at the same address takes the lead once, and the two do not take it from each other for ever', async () => {
    const cluster = new Cluster();
    // On two machines, each reached by itself under an address of the loopback.
    const first = cluster.start('first', { ...MASTER, url: 'http://127.0.0.1' });
    await cluster.untilLeads('first');
    cluster.loopback.add('http://127.0.0.1');
    cluster.start('second', { ...MASTER, url: 'http://127.0.0.1' });
    await cluster.advance(300_000);
    expect(cluster.led.length).toBeLessThanOrEqual(2);
    expect(cluster.leaders()).toEqual(['second']);
    expect(first.alarms).toEqual(['url_leads_to_myself']);
    cluster.checkInvariants();
  });
});
