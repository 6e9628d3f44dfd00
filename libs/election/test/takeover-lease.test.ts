import { LEADER_LEASE, LEADER_PATH, parseLeaderDocument } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { acquireLead, breakLead, type Contest, TAKEOVER_LEASE } from '../src/contend.ts';
import { LeaderRecords, type Records } from '../src/leader-records.ts';
import { contender, type Lab, lab } from './support-contender.ts';

/** A cluster that was led under epoch 1 and whose lease was let go, in order. */
async function letGo(): Promise<Lab> {
  const cluster = lab();
  const old = await cluster.base.run(acquireLead(contender(cluster, 'old'), 0));
  if (old.kind !== 'won') throw new Error('not won');
  old.keeper.stop();
  await cluster.storage.leases.release(LEADER_LEASE, old.keeper.leaseId);
  await cluster.storage.leases.ensure(TAKEOVER_LEASE);
  await cluster.base.advance(100);
  return cluster;
}

async function epochInForce({ storage }: Lab): Promise<number> {
  const stored = await storage.documents.get(LEADER_PATH);
  return stored === undefined ? 0 : parseLeaderDocument(stored.body).epoch;
}

function holds(contest: Contest): boolean {
  return contest.kind === 'won' && contest.keeper.isHeld;
}

describe('a lease that was free when it was taken', () => {
  it.each(Array.from({ length: 14 }, (_, index) => index))(
    'is not broken by one who still takes it for the old leader’s, %i ms later',
    async (laterMs) => {
      const cluster = await letGo();
      const first = acquireLead(contender(cluster, 'a'), 1);
      await cluster.base.advance(laterMs);
      const stale = contender(cluster, 'stale');
      const second = await cluster.base.run(breakLead(stale, 1));
      const won = await cluster.base.run(first);
      expect([won.kind, second.kind].sort()).toEqual(['lost', 'won']);
      await cluster.base.advance(6000);
      expect(holds(won.kind === 'won' ? won : second)).toBe(true);
      expect(await epochInForce(cluster)).toBe(2);
    },
  );

  it('costs one storage call more, and the other lease is free again afterwards', async () => {
    const cluster = await letGo();
    const a = contender(cluster, 'a');
    expect((await cluster.base.run(acquireLead(a, 1))).kind).toBe('won');
    expect(a.link.calls.map((call) => call.operation).slice(0, 6)).toEqual([
      'acquire',
      'acquire',
      'get',
      'get',
      'put',
      'put',
    ]);
    await cluster.base.advance(100);
    expect((await cluster.base.run(breakLead(contender(cluster, 'b'), 2))).kind).toBe('won');
  });
});

/** Of a process that stands still with what it has read in its hands. */
class FrozenAfterReading extends LeaderRecords {
  readonly #thawed = Promise.withResolvers<void>();

  thaw(): void {
    this.#thawed.resolve();
  }

  override async read(): Promise<Records> {
    const found = await super.read();
    await this.#thawed.promise;
    return found;
  }
}

describe('a contender that froze between looking and breaking', () => {
  it('does not break the lease of the next leader when it wakes', async () => {
    const cluster = await letGo();
    const held = await cluster.base.run(acquireLead(contender(cluster, 'leader'), 1));
    if (held.kind !== 'won') throw new Error('not won');
    held.keeper.stop();
    await cluster.base.advance(100);
    const frozen = contender(cluster, 'frozen');
    const records = new FrozenAfterReading(frozen.calls);
    const attempt = breakLead({ ...frozen, records }, 2);
    await cluster.base.advance(30_000);
    const next = await cluster.base.run(acquireLead(contender(cluster, 'next'), 2));
    records.thaw();
    expect(await cluster.base.run(attempt)).toMatchObject({ kind: 'lost' });
    await cluster.base.advance(6000);
    expect(frozen.link.count('break')).toBe(0);
    expect(holds(next)).toBe(true);
  });
});
