import { LEADER_LEASE, type LeaderDocument } from '@message-vault/metadata';
import { messageOf, type Runtime, randomUuid } from '@message-vault/runtime';
import type { AlarmCode } from './alarms.ts';
import { claimEpoch } from './claim-epoch.ts';
import type { LeaderRecords } from './leader-records.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { ElectionSettings } from './settings.ts';
import type { StorageCalls } from './storage-calls.ts';
import { breakLease, type LeaseAttempt, releaseLease, takeLease } from './take-lease.ts';

/** Held by whoever is taking the leader's lease and its epoch, so that nobody breaks the lease before the epoch is known. */
export const TAKEOVER_LEASE = 'takeover-lease';
/** The shortest Azure gives: how long others stay out when a contender dies over it. */
const TAKEOVER_SECONDS = 15;

export type Contest =
  | { readonly kind: 'won'; readonly keeper: LeaseKeeper; readonly leader: LeaderDocument }
  /** Somebody else is first, or at it. */
  | { readonly kind: 'lost'; readonly why: string }
  | { readonly kind: 'refused'; readonly code: AlarmCode; readonly message: string }
  /** The storage did not do what was asked. */
  | { readonly kind: 'failed'; readonly why: string };

export interface Contender {
  readonly nodeId: string;
  readonly url: string;
  readonly runtime: Runtime;
  readonly calls: StorageCalls;
  readonly records: LeaderRecords;
  readonly settings: ElectionSettings;
  /** Starts renewing a lease that was just taken. */
  readonly keep: (leaseId: string, acquiredAt: number) => LeaseKeeper;
}

/**
 * Takes the lease if it is free, then the next epoch. `knownEpoch`: the newest one known, 0 for none. Meanwhile nobody breaks
 * the lease, not even one who has not noticed yet that it was free.
 */
export function acquireLead(contender: Contender, knownEpoch: number): Promise<Contest> {
  return takingOver(contender, () => takeFree(contender, knownEpoch));
}

/**
 * Breaks the lease of the leader of `epoch`, takes it, and then the next epoch. Only one node does so at a time, and not
 * when the leader has changed already.
 */
export function breakLead(contender: Contender, epoch: number): Promise<Contest> {
  return takingOver(contender, (until) => breakAlone(contender, epoch, until));
}

/**
 * Runs `contend` while holding the takeover lease. `until`, on the monotonic clock, is when that is certainly still held: a
 * process that was paused for longer must not break what another has taken since.
 */
async function takingOver(
  { calls, runtime, settings }: Contender,
  contend: (until: number) => Promise<Contest>,
): Promise<Contest> {
  const leaseId = randomUuid(runtime);
  const attempt = await takeLease(calls, runtime, {
    lease: TAKEOVER_LEASE,
    leaseId,
    durationSeconds: TAKEOVER_SECONDS,
  });
  try {
    if (attempt.kind !== 'taken') return notTaken(attempt, 'another node is taking over');
    return await contend(attempt.sentAt + TAKEOVER_SECONDS * 1000 - settings.marginMs);
  } catch (error) {
    return { kind: 'failed', why: messageOf(error) };
  } finally {
    if (attempt.kind !== 'held') void releaseLease(calls, TAKEOVER_LEASE, leaseId);
  }
}

async function breakAlone(contender: Contender, epoch: number, until: number): Promise<Contest> {
  const { calls, records, runtime } = contender;
  const found = await records.read();
  if (found.kind === 'refuse') return { ...found, kind: 'refused' };
  if (found.kind === 'led' && found.leader.document.epoch > epoch) {
    return { kind: 'lost', why: 'another node has taken over' };
  }
  const broken = await breakLease(calls, LEADER_LEASE, () => runtime.monotonic() < until);
  if (!broken) return { kind: 'lost', why: 'this node stood still, and another may have taken over' };
  return takeFree(contender, epoch);
}

async function takeFree(contender: Contender, knownEpoch: number): Promise<Contest> {
  const { calls, runtime, settings } = contender;
  const leaseId = randomUuid(runtime);
  const attempt = await takeLease(calls, runtime, {
    lease: LEADER_LEASE,
    leaseId,
    durationSeconds: settings.durationSeconds,
  });
  if (attempt.kind === 'taken') return claimWithLease(contender, knownEpoch, leaseId, attempt.sentAt);
  if (attempt.kind === 'failed') void releaseLease(calls, LEADER_LEASE, leaseId);
  return notTaken(attempt, 'another node was first to take the lease');
}

async function claimWithLease(
  contender: Contender,
  knownEpoch: number,
  leaseId: string,
  sentAt: number,
): Promise<Contest> {
  const keeper = contender.keep(leaseId, sentAt);
  const claim = await claimEpoch({ ...contender, knownEpoch, claimId: leaseId, isHeld: () => keeper.isHeld });
  if (claim.kind === 'claimed') return { kind: 'won', keeper, leader: claim.leader };
  keeper.stop();
  void releaseLease(contender.calls, LEADER_LEASE, leaseId);
  if (claim.kind === 'refused') return claim;
  if (claim.kind === 'lost') return { kind: 'lost', why: 'another node has a newer epoch' };
  return { kind: 'failed', why: messageOf(claim.error) };
}

function notTaken(attempt: Exclude<LeaseAttempt, { kind: 'taken' }>, why: string): Contest {
  return attempt.kind === 'held' ? { kind: 'lost', why } : { kind: 'failed', why: messageOf(attempt.error) };
}
