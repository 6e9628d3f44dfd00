import { encodeLeaderDocument, LEADER_PATH, type LeaderDocument } from '@message-vault/metadata';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import { memoryStorage } from '@message-vault/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLAIM_PATH, encodeClaim, parseClaim } from '../src/claim-document.ts';
import { defaultElectionSettings, repairLeaderRecords } from '../src/index.ts';
import { LeaderRecords } from '../src/leader-records.ts';
import { StorageCalls } from '../src/storage-calls.ts';

const claimId = '0f8fad5b-d9cb-469f-a165-70867728950e';

function leader(epoch: number, nodeId = 'a'): LeaderDocument {
  return { version: 1, epoch, nodeId, url: `http://${nodeId}`, since: 1 };
}

function setUp() {
  const runtime = new VirtualRuntime();
  const { leases, documents } = memoryStorage({ runtime });
  const { storageTimeoutMs: timeoutMs } = defaultElectionSettings;
  const fresh = () => new LeaderRecords(new StorageCalls({ runtime, leases, documents, timeoutMs }));
  async function write(path: string, body: Uint8Array | undefined): Promise<void> {
    const current = await documents.get(path);
    if (body === undefined) return current && documents.delete(path, { ifMatch: current.etag });
    await documents.put(path, body, current === undefined ? { ifAbsent: true } : { ifMatch: current.etag });
  }
  return {
    documents,
    runtime,
    fresh,
    writeLeader: (document: LeaderDocument | undefined) =>
      write(LEADER_PATH, document && encodeLeaderDocument(document)),
    writeClaim: (epoch: number | undefined) =>
      write(
        CLAIM_PATH,
        epoch === undefined ? undefined : encodeClaim({ version: 1, epoch, nodeId: 'a', claimId }),
      ),
    write,
  };
}

describe('the records of who leads', () => {
  it('of a storage nobody has led on are a first start', async () => {
    expect(await setUp().fresh().read()).toEqual({ kind: 'first_start' });
  });

  it('tell a fresh node that the leader document was deleted, by the claim beside it', async () => {
    const { fresh, writeClaim } = setUp();
    await writeClaim(3);
    expect(await fresh().read()).toMatchObject({ kind: 'refuse', code: 'leader_document_missing' });
    expect(await fresh().glance()).toMatchObject({ kind: 'refuse', code: 'leader_document_missing' });
  });

  it('are in order when the first leader died between its two documents', async () => {
    const { fresh, writeLeader } = setUp();
    await writeLeader(leader(1));
    expect(await fresh().read()).toMatchObject({ kind: 'led', leader: { document: { epoch: 1 } } });
  });

  it('are in order when a leader died between its two documents later on', async () => {
    const { fresh, writeLeader, writeClaim } = setUp();
    await writeLeader(leader(5));
    await writeClaim(4);
    expect(await fresh().read()).toMatchObject({ kind: 'led', leader: { document: { epoch: 5 } } });
  });

  it('tell a fresh node that only the leader document was rolled back', async () => {
    const { fresh, writeLeader, writeClaim } = setUp();
    await writeLeader(leader(4));
    await writeClaim(5);
    expect(await fresh().read()).toMatchObject({ kind: 'refuse', code: 'storage_rolled_back' });
  });

  it('tell a node that has seen more that everything was rolled back', async () => {
    const { fresh, writeLeader, writeClaim } = setUp();
    const records = fresh();
    await writeLeader(leader(7));
    expect(await records.read()).toMatchObject({ kind: 'led' });
    await writeLeader(leader(6));
    await writeClaim(6);
    expect(await records.glance()).toMatchObject({ kind: 'refuse', code: 'storage_rolled_back' });
    await writeClaim(undefined);
    await writeLeader(undefined);
    expect(await records.glance()).toMatchObject({ kind: 'refuse', code: 'leader_document_missing' });
  });

  it('tell a node that an epoch it has seen is now somebody else’s', async () => {
    const { fresh, writeLeader } = setUp();
    const records = fresh();
    await writeLeader(leader(7, 'a'));
    await records.read();
    await writeLeader(leader(7, 'b'));
    expect(await records.glance()).toMatchObject({ kind: 'refuse', code: 'storage_rolled_back' });
  });

  it.each([LEADER_PATH, CLAIM_PATH])('that can not be read are refused (%s)', async (path) => {
    const { fresh, writeLeader, write } = setUp();
    await writeLeader(leader(1));
    await write(path, new TextEncoder().encode('{"version":1,"epoch":"seven"}'));
    expect(await fresh().read()).toMatchObject({ kind: 'refuse', code: 'leader_document_unreadable' });
  });

  it('are never refused because a leader changes while they are read', async () => {
    const { fresh, writeLeader, writeClaim } = setUp();
    const readers = [fresh(), fresh()];
    for (let epoch = 1; epoch <= 50; epoch++) {
      const reads = readers.map((records) => (epoch % 2 === 0 ? records.read() : records.glance()));
      await writeLeader(leader(epoch));
      reads.push(...readers.map((records) => records.read()));
      await writeClaim(epoch);
      for (const read of reads) expect((await read).kind).not.toBe('refuse');
    }
  });

  it('know a document of this process from one of an earlier life', () => {
    const records = setUp().fresh();
    records.intend(leader(4));
    expect(records.isOfThisLife(leader(4))).toBe(true);
    expect(records.isOfThisLife({ ...leader(4), since: 2 })).toBe(false);
    expect(records.isOfThisLife(leader(5))).toBe(false);
  });

  it('once missing, are in order again after a person has repaired them', async () => {
    const { fresh, writeLeader, writeClaim, documents, runtime } = setUp();
    const records = fresh();
    await writeLeader(leader(7));
    await writeClaim(7);
    await records.read();
    await writeLeader(undefined);
    expect(await records.glance()).toMatchObject({ kind: 'refuse' });
    const repaired = await repairLeaderRecords({ documents, runtime, person: 'ann', highestKnownEpoch: 0 });
    expect(repaired.epoch).toBeGreaterThan(7);
    for (const seen of [records, fresh()]) {
      expect(await seen.read()).toMatchObject({
        kind: 'led',
        leader: { document: { epoch: repaired.epoch } },
      });
    }
  });

  it('that can not be read are in order again after a person has repaired them', async () => {
    const { fresh, write, documents, runtime } = setUp();
    await write(LEADER_PATH, new Uint8Array([1]));
    await write(CLAIM_PATH, new Uint8Array([2]));
    await repairLeaderRecords({ documents, runtime, person: 'ann', highestKnownEpoch: 41 });
    expect(await fresh().read()).toMatchObject({ kind: 'led', leader: { document: { nodeId: 'ann' } } });
  });
});

describe('claim document', () => {
  it('comes back as it was', () => {
    const claims = fc.record({
      version: fc.constant(1 as const),
      epoch: fc.integer({ min: 1 }),
      nodeId: fc.string({ minLength: 1, maxLength: 128 }),
      claimId: fc.uuid({ version: 4 }),
    });
    fc.assert(
      fc.property(claims, (claim) => {
        expect(parseClaim(encodeClaim(claim))).toEqual(claim);
      }),
    );
  });

  it.each(['', '{}', 'null', '{"version":2,"epoch":1,"nodeId":"a","claimId":"x"}'])(
    'is not read from %j',
    (text) => {
      expect(parseClaim(new TextEncoder().encode(text))).toBeUndefined();
    },
  );
});
