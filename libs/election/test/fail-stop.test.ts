import { encodeLeaderDocument, LEADER_PATH } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { CLAIM_PATH, encodeClaim } from '../src/claim-document.ts';
import { repairLeaderRecords } from '../src/index.ts';
import type { Cluster } from './cluster.ts';
import { pair } from './pair.ts';

async function remove(cluster: Cluster, path: string): Promise<void> {
  const stored = await cluster.storage.documents.get(path);
  if (stored !== undefined) await cluster.storage.documents.delete(path, { ifMatch: stored.etag });
}

async function overwrite(cluster: Cluster, path: string, body: Uint8Array): Promise<void> {
  const stored = await cluster.storage.documents.get(path);
  const condition = stored === undefined ? { ifAbsent: true as const } : { ifMatch: stored.etag };
  await cluster.storage.documents.put(path, body, condition);
}

/** Both documents as they were some epochs ago. */
async function rollBack(cluster: Cluster, epoch: number): Promise<void> {
  const leader = { version: 1, epoch, nodeId: 'master', url: 'http://master', since: 1 } as const;
  await overwrite(cluster, LEADER_PATH, encodeLeaderDocument(leader));
  const claimId = '0f8fad5b-d9cb-469f-a165-70867728950e';
  await overwrite(cluster, CLAIM_PATH, encodeClaim({ version: 1, epoch, nodeId: 'master', claimId }));
}

/** A cluster in which the slave leads under epoch 4 and the master stands by. */
async function seasoned() {
  const made = await pair();
  const { cluster } = made;
  for (let times = 0; times < 3; times++) {
    const [leader = ''] = cluster.leaders();
    await cluster.runtime.run(cluster.node(leader).election.handover());
    await cluster.advance(2000);
  }
  return made;
}

const ALARMS = { deleted: 'leader_document_missing', 'rolled back': 'storage_rolled_back' };
type What = keyof typeof ALARMS;

async function harm(cluster: Cluster, what: What): Promise<void> {
  if (what === 'deleted') await remove(cluster, LEADER_PATH);
  else await rollBack(cluster, 2);
}

describe.each(Object.keys(ALARMS) as What[])('a leader document that is %s', (what) => {
  it('stops the leader within the time between two checks, with an alarm, and nobody leads', async () => {
    const { cluster, master, slave } = await seasoned();
    expect(slave.isLeading).toBe(true);
    await harm(cluster, what);
    await cluster.advance(10_500);
    expect(cluster.leaders()).toEqual([]);
    expect(slave.role).toBe('fenced');
    expect(slave.alarms).toContain(ALARMS[what]);
    expect(slave.election.state().readiness.ready).toBe(false);
    await cluster.advance(300_000);
    expect(cluster.led).toHaveLength(4);
    expect(master.role).toBe('fenced');
    expect(master.events).toContain(`alarm ${ALARMS[what]}`);
  });

  it('keeps a standby from taking over when the leader dies', async () => {
    const { cluster, master, slave } = await seasoned();
    await harm(cluster, what);
    slave.kill();
    await cluster.advance(120_000);
    expect(cluster.leaders()).toEqual([]);
    expect(master.alarms).toEqual([ALARMS[what]]);
    expect(master.link.count('acquire')).toBeLessThanOrEqual(master.link.count('release') + 4);
  });

  it('is repaired by a person while the nodes run: one leads again, above every epoch there was', async () => {
    const { cluster, master, slave } = await seasoned();
    await harm(cluster, what);
    await cluster.advance(60_000);
    const { documents } = cluster.storage;
    await repairLeaderRecords({ documents, runtime: cluster.runtime, person: 'ann', highestKnownEpoch: 4 });
    await cluster.until(() => cluster.leaders().length === 1, 10_000);
    await cluster.advance(30_000);
    expect(cluster.led).toHaveLength(5);
    expect(master.alarms).toEqual([]);
    expect(slave.alarms).toEqual([]);
    cluster.checkInvariants();
  });
});

describe('a node that has seen nothing yet', () => {
  it('refuses to lead where the leader document was deleted', async () => {
    const { cluster, master, slave } = await seasoned();
    master.kill();
    slave.kill();
    await remove(cluster, LEADER_PATH);
    const fresh = cluster.start('fresh', { wantsToLead: true });
    await cluster.advance(60_000);
    expect(fresh.role).toBe('fenced');
    expect(fresh.alarms).toEqual(['leader_document_missing']);
    expect(cluster.led).toHaveLength(4);
  });

  it('refuses to lead where only the leader document was put back to an older one', async () => {
    const { cluster, master, slave } = await seasoned();
    master.kill();
    slave.kill();
    const old = { version: 1, epoch: 2, nodeId: 'slave', url: 'http://slave', since: 1 } as const;
    await overwrite(cluster, LEADER_PATH, encodeLeaderDocument(old));
    const fresh = cluster.start('fresh', { wantsToLead: true });
    await cluster.advance(60_000);
    expect(fresh.role).toBe('fenced');
    expect(fresh.alarms).toEqual(['storage_rolled_back']);
  });

  it('refuses for good where the leader document looks right and only the claim tells', async () => {
    const { cluster, master, slave } = await pair();
    slave.runtime.freeze();
    await cluster.runtime.run(master.election.stop());
    const claimId = '0f8fad5b-d9cb-469f-a165-70867728950e';
    await overwrite(cluster, CLAIM_PATH, encodeClaim({ version: 1, epoch: 3, nodeId: 'else', claimId }));
    slave.runtime.thaw();
    await cluster.advance(60_000);
    expect(slave.role).toBe('fenced');
    expect(slave.events).toEqual(['alarm storage_rolled_back']);
  });

  it('refuses to lead on a leader document it can not read', async () => {
    const { cluster, master, slave } = await seasoned();
    master.kill();
    slave.kill();
    await overwrite(cluster, LEADER_PATH, new TextEncoder().encode('{"version":2}'));
    const fresh = cluster.start('fresh', { wantsToLead: true });
    await cluster.advance(60_000);
    expect(fresh.alarms).toEqual(['leader_document_unreadable']);
    expect(cluster.leaders()).toEqual([]);
  });
});
