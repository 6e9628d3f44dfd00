import {
  encodeLeaderDocument,
  LEADER_LEASE,
  LEADER_PATH,
  parseLeaderDocument,
} from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { CLAIM_PATH, encodeClaim, parseClaim } from '../src/claim-document.ts';
import { claimEpoch } from '../src/claim-epoch.ts';
import { acquireLead, breakLead, type Contest, TAKEOVER_LEASE } from '../src/contend.ts';
import type { FateOf } from './link.ts';
import { contender, type Lab, lab } from './support-contender.ts';

function epochOf(contest: Contest): number {
  if (contest.kind !== 'won') throw new Error(`not won: ${JSON.stringify(contest)}`);
  return contest.leader.epoch;
}

async function leaderDocument({ storage }: Lab) {
  const stored = await storage.documents.get(LEADER_PATH);
  return stored && parseLeaderDocument(stored.body);
}

/** The first call for which `matches` holds meets `fate`; the rest pass. */
function once(
  matches: (operation: string, argument: string, index: number) => boolean,
  fate: ReturnType<FateOf>,
): FateOf {
  let index = 0;
  let met = false;
  return (operation, argument) => {
    const hit = !met && matches(operation, argument, index++);
    met ||= hit;
    return hit ? fate : 'pass';
  };
}

const FATES = ['refuse', 'lose', 'lose_answer', 'throttle', { arriveAfterMs: 1500 }] as const;

describe('contending', () => {
  it('begins with epoch 1 where nobody ever led, and goes up by one', async () => {
    const cluster = lab();
    const a = contender(cluster, 'a');
    expect(epochOf(await cluster.base.run(acquireLead(a, 0)))).toBe(1);
    expect(epochOf(await cluster.base.run(breakLead(contender(cluster, 'b'), 1)))).toBe(2);
    expect(epochOf(await cluster.base.run(breakLead(a, 2)))).toBe(3);
    expect(await leaderDocument(cluster)).toMatchObject({ epoch: 3, nodeId: 'a', url: 'http://a' });
  });

  it('lets one of two that begin at once have it', async () => {
    const cluster = lab();
    const contests = await cluster.base.run(
      Promise.all(['a', 'b', 'c'].map((name) => acquireLead(contender(cluster, name), 0))),
    );
    expect(contests.map((contest) => contest.kind).sort()).toEqual(['lost', 'lost', 'won']);
  });

  it('lets one of several that break the lease at once have it, and the others do not break the winner', async () => {
    const cluster = lab();
    await cluster.base.run(acquireLead(contender(cluster, 'old'), 0));
    const contests = await cluster.base.run(
      Promise.all(['a', 'b', 'c'].map((name) => breakLead(contender(cluster, name), 1))),
    );
    expect(contests.map((contest) => contest.kind).sort()).toEqual(['lost', 'lost', 'won']);
    expect((await leaderDocument(cluster))?.epoch).toBe(2);
  });

  it.each([1, 3, 5, 7, 9, 11])(
    'does not take the lease away from a winner when it begins %i ms later',
    async (laterMs) => {
      const cluster = lab();
      await cluster.base.run(acquireLead(contender(cluster, 'old'), 0));
      await cluster.storage.leases.ensure(TAKEOVER_LEASE);
      const first = breakLead(contender(cluster, 'a'), 1);
      await cluster.base.advance(laterMs);
      expect(await cluster.base.run(breakLead(contender(cluster, 'b'), 1))).toMatchObject({ kind: 'lost' });
      const won = await cluster.base.run(first);
      expect(epochOf(won)).toBe(2);
      await cluster.base.advance(6000);
      expect(won.kind === 'won' && won.keeper.isHeld).toBe(true);
    },
  );

  it('does not break the lease of a leader that is a newer one already', async () => {
    const cluster = lab();
    await cluster.base.run(acquireLead(contender(cluster, 'old'), 0));
    await cluster.base.run(breakLead(contender(cluster, 'a'), 1));
    const late = contender(cluster, 'b');
    expect(await cluster.base.run(breakLead(late, 1))).toMatchObject({ kind: 'lost' });
    expect(late.link.calls.some((call) => call.operation === 'break')).toBe(false);
  });

  it('lets go of the lease when it can not have the epoch', async () => {
    const cluster = lab();
    const a = contender(cluster, 'a');
    a.link.fate = (operation) => (operation === 'put' ? 'refuse' : 'pass');
    expect(await cluster.base.run(acquireLead(a, 0))).toMatchObject({ kind: 'failed' });
    a.link.heal();
    await cluster.base.advance(3000);
    expect(await cluster.storage.leases.isHeld(LEADER_LEASE)).toBe(false);
  });

  describe.each(FATES.map((fate) => ({ fate, name: JSON.stringify(fate) })))(
    'when a call meets $name',
    ({ fate }) => {
      it.each(Array.from({ length: 9 }, (_, index) => index))(
        'call %i: wins, or gives way to another, and no epoch is given twice',
        async (at) => {
          const cluster = lab();
          const first = epochOf(await cluster.base.run(acquireLead(contender(cluster, 'old'), 0)));
          const a = contender(cluster, 'a');
          a.link.fate = once((_operation, _argument, index) => index === at, fate);
          const contest = await cluster.base.run(breakLead(a, first));
          const epochs = contest.kind === 'won' ? [first, contest.leader.epoch] : [first];
          await cluster.base.advance(2000);
          if (contest.kind === 'won') {
            expect(contest.keeper.isHeld).toBe(true);
            expect(await leaderDocument(cluster)).toEqual(contest.leader);
            contest.keeper.stop();
          }
          // Whatever became of it, somebody else can lead after the leases have run out.
          await cluster.base.advance(16_000);
          const b = await cluster.base.run(
            breakLead(contender(cluster, 'b'), (await leaderDocument(cluster))?.epoch ?? 0),
          );
          epochs.push(epochOf(b));
          expect(new Set(epochs).size).toBe(epochs.length);
          expect([...epochs].sort((x, y) => x - y)).toEqual(epochs);
        },
      );

      it.each(Array.from({ length: 6 }, (_, index) => index))(
        'call %i of the very first start: likewise',
        async (at) => {
          const cluster = lab();
          const a = contender(cluster, 'a');
          a.link.fate = once((_operation, _argument, index) => index === at, fate);
          const contest = await cluster.base.run(acquireLead(a, 0));
          if (contest.kind === 'won') contest.keeper.stop();
          await cluster.base.advance(16_000);
          const second = epochOf(await cluster.base.run(acquireLead(contender(cluster, 'b'), 0)));
          expect(second).toBeGreaterThan(contest.kind === 'won' ? contest.leader.epoch : 0);
        },
      );
    },
  );

  it.each([LEADER_PATH, CLAIM_PATH])('wins though the answer to writing %s was lost', async (path) => {
    const cluster = lab();
    const a = contender(cluster, 'a');
    a.link.fate = once((operation, argument) => operation === 'put' && argument === path, 'lose_answer');
    expect(epochOf(await cluster.base.run(acquireLead(a, 0)))).toBe(1);
  });

  it('wins though the answer to taking the lease was lost', async () => {
    const cluster = lab();
    const a = contender(cluster, 'a');
    a.link.fate = once(
      (operation, argument) => operation === 'acquire' && argument === LEADER_LEASE,
      'lose_answer',
    );
    expect(epochOf(await cluster.base.run(acquireLead(a, 0)))).toBe(1);
  });

  it('counts its lease from the call that is known to have succeeded', async () => {
    const cluster = lab();
    const a = contender(cluster, 'a');
    a.link.fate = once((operation) => operation === 'acquire', 'lose_answer');
    const contest = await cluster.base.run(acquireLead(a, 0));
    if (contest.kind !== 'won') throw new Error('not won');
    expect(contest.keeper.leftMs).toBeLessThanOrEqual(14_000);
    expect(contest.keeper.leftMs).toBeGreaterThan(13_900);
  });

  it('goes on to the epoch after one that a leader of before wrote late', async () => {
    const cluster = lab();
    await cluster.base.run(acquireLead(contender(cluster, 'old'), 0));
    const seen = await cluster.storage.documents.get(LEADER_PATH);
    const late = encodeLeaderDocument({ version: 1, epoch: 2, nodeId: 'dead', url: 'http://dead', since: 1 });
    let landed = false;
    const b = contender(cluster, 'b');
    // b has read epoch 1 and is about to write 2, when a write of a node that died over its own attempt arrives.
    b.link.fate = (operation, argument) => {
      if (operation === 'put' && argument === LEADER_PATH && !landed) {
        landed = true;
        void cluster.storage.documents.put(LEADER_PATH, late, { ifMatch: seen?.etag ?? '' });
      }
      return 'pass';
    };
    expect(epochOf(await cluster.base.run(breakLead(b, 1)))).toBe(3);
    expect(await leaderDocument(cluster)).toMatchObject({ epoch: 3, nodeId: 'b' });
  });

  it('gives way when it was paused over its attempt and another has taken the lease meanwhile', async () => {
    const cluster = lab();
    await cluster.base.run(acquireLead(contender(cluster, 'old'), 0));
    const paused = contender(cluster, 'paused');
    const attempt = breakLead(paused, 1);
    while (paused.link.calls.at(-1)?.argument !== LEADER_LEASE) await cluster.base.advance(0.5);
    while (paused.link.calls.at(-1)?.operation !== 'acquire') await cluster.base.advance(0.5);
    await cluster.base.advance(2.5);
    paused.runtime.freeze();
    // The lease that keeps two from breaking at once lasts 15 s.
    await cluster.storage.leases.break(TAKEOVER_LEASE);
    const b = await cluster.base.run(breakLead(contender(cluster, 'b'), 1));
    expect(epochOf(b)).toBe(2);
    paused.runtime.thaw();
    expect(await cluster.base.run(attempt)).toMatchObject({ kind: 'lost' });
    expect(await leaderDocument(cluster)).toMatchObject({ epoch: 2, nodeId: 'b' });
    expect(await cluster.storage.leases.isHeld(LEADER_LEASE)).toBe(true);
  });

  it('gives no epoch to two processes that write the very same leader document', async () => {
    const cluster = lab();
    // Two of one configuration, in the same millisecond, each believing that it holds the lease.
    const twins = [contender(cluster, 'twin'), contender(cluster, 'twin')];
    const claims = await cluster.base.run(
      Promise.all(
        twins.map((twin) =>
          claimEpoch({ ...twin, knownEpoch: 0, claimId: crypto.randomUUID(), isHeld: () => true }),
        ),
      ),
    );
    const epochs = claims.flatMap((claim) => (claim.kind === 'claimed' ? [claim.leader.epoch] : []));
    expect(epochs).toEqual([1]);
  });

  it.each([1, 2, 3, 4])(
    'does not lead when the lease ran out over it (noticed at check %i)',
    async (check) => {
      const cluster = lab();
      const slow = contender(cluster, 'slow');
      let checks = 0;
      const isHeld = (): boolean => ++checks < check;
      // Each answer to a write is lost once: the attempt takes several steps.
      slow.link.fate = once(
        (operation, argument) => operation === 'put' && argument === CLAIM_PATH,
        'lose_answer',
      );
      const claim = await cluster.base.run(
        claimEpoch({ ...slow, knownEpoch: 0, claimId: crypto.randomUUID(), isHeld }),
      );
      expect(claim.kind).toBe(check <= 3 ? 'failed' : 'claimed');
    },
  );

  it('refuses on a claim that is newer than the leader document, and leaves the lease free', async () => {
    const cluster = lab();
    await cluster.base.run(acquireLead(contender(cluster, 'old'), 0));
    const claim = await cluster.storage.documents.get(CLAIM_PATH);
    const rolledBack = { version: 1, epoch: 9, nodeId: 'old', claimId: crypto.randomUUID() } as const;
    await cluster.storage.documents.put(CLAIM_PATH, encodeClaim(rolledBack), { ifMatch: claim?.etag ?? '' });
    const contest = await cluster.base.run(breakLead(contender(cluster, 'a'), 1));
    expect(contest).toMatchObject({ kind: 'refused', code: 'storage_rolled_back' });
  });

  it('makes the claim again when only that is gone', async () => {
    const cluster = lab();
    await cluster.base.run(acquireLead(contender(cluster, 'old'), 0));
    const claim = await cluster.storage.documents.get(CLAIM_PATH);
    await cluster.storage.documents.delete(CLAIM_PATH, { ifMatch: claim?.etag ?? '' });
    expect(epochOf(await cluster.base.run(breakLead(contender(cluster, 'a'), 1)))).toBe(2);
    const again = await cluster.storage.documents.get(CLAIM_PATH);
    expect(again && parseClaim(again.body)).toMatchObject({ epoch: 2, nodeId: 'a' });
  });
});
