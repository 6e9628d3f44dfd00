import { describe, expect, it } from 'vitest';
import { repairLeaderRecords } from '../src/index.ts';
import { Cluster } from './cluster.ts';
import { pair } from './pair.ts';

/** Nodes that meet, whenever they lead, a stream that was written to under `epoch`. */
async function fencedAt(epoch: number): Promise<Cluster> {
  const cluster = new Cluster();
  const meet = (name: string) => async (): Promise<void> => {
    const { leadership } = cluster.node(name).election;
    if (leadership !== undefined && leadership.epoch < epoch)
      leadership.lost(`a segment belongs to epoch ${epoch}`, epoch);
  };
  cluster.start('master', { wantsToLead: true, lead: meet('master') });
  cluster.start('slave', { lead: meet('slave') });
  await cluster.advance(120_000);
  return cluster;
}

describe('a stream that is fenced above the leader’s epoch', () => {
  it('while nobody newer leads stops every node that meets it, once, with an alarm', async () => {
    const cluster = await fencedAt(9);
    expect(cluster.led).toHaveLength(2);
    for (const name of ['master', 'slave']) {
      const node = cluster.node(name);
      expect(node.role).toBe('fenced');
      expect(node.alarms).toEqual(['storage_rolled_back']);
      expect(node.events.filter((event) => event.startsWith('stepDown'))).toHaveLength(1);
    }
  });

  it('is led again when a person has put the epoch above it', async () => {
    const cluster = await fencedAt(9);
    const { documents } = cluster.storage;
    await repairLeaderRecords({ documents, runtime: cluster.runtime, person: 'ann', highestKnownEpoch: 9 });
    await cluster.until(() => cluster.leaders().length === 1, 20_000);
    await cluster.advance(30_000);
    expect(cluster.led).toHaveLength(3);
    expect(cluster.node('master').alarms).toEqual([]);
    expect(cluster.node('slave').alarms).toEqual([]);
  });

  it('by a newer leader that the document names is only a change of leader', async () => {
    const { cluster, master, slave } = await pair();
    const { leadership } = master.election;
    master.runtime.freeze();
    await cluster.untilLeads('slave');
    leadership?.lost('a segment belongs to epoch 2', 2);
    master.runtime.thaw();
    await cluster.advance(30_000);
    expect(master.role).toBe('standby');
    expect(master.alarms).toEqual([]);
    expect(slave.isLeading).toBe(true);
  });
});
