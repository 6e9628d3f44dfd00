import { LEADER_LEASE } from '@message-vault/metadata';
import { randomUuid } from '@message-vault/runtime';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import { memoryStorage } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import { defaultElectionSettings } from '../src/index.ts';
import { LeaseKeeper } from '../src/lease-keeper.ts';
import { StorageCalls } from '../src/storage-calls.ts';
import { takeLease } from '../src/take-lease.ts';
import { StorageLink } from './link.ts';
import { NodeRuntime } from './node-runtime.ts';

/** A lease that has been taken and is kept. */
async function setUp() {
  const base = new VirtualRuntime();
  const storage = memoryStorage({ runtime: base });
  const runtime = new NodeRuntime(base);
  const link = new StorageLink(base, runtime, storage);
  const settings = defaultElectionSettings;
  const calls = new StorageCalls({ ...link, runtime, timeoutMs: settings.storageTimeoutMs });
  const leaseId = randomUuid(base);
  const sightings = {
    lastSilenceAt: Number.NEGATIVE_INFINITY,
    oldestPendingAt: undefined as number | undefined,
  };
  const taken = await base.run(
    takeLease(calls, runtime, { lease: LEADER_LEASE, leaseId, durationSeconds: settings.durationSeconds }),
  );
  if (taken.kind !== 'taken') throw new Error(`the lease was ${taken.kind}`);
  const lost: { reason: string; at: number }[] = [];
  const health: { answers: boolean; at: number }[] = [];
  const keeper = new LeaseKeeper({
    runtime,
    calls,
    settings,
    leaseId,
    acquiredAt: taken.sentAt,
    sightings,
    onLost: (reason) => lost.push({ reason, at: base.monotonic() }),
    onStorage: (answers) => health.push({ answers, at: base.monotonic() }),
  });
  const renewals = (): number[] =>
    link.calls.filter((call) => call.operation === 'renew').map((call) => call.at);
  return {
    base,
    storage,
    runtime,
    link,
    keeper,
    sightings,
    lost,
    health,
    renewals,
    acquiredAt: taken.sentAt,
  };
}

describe('lease keeper', () => {
  it('renews every five seconds and no more often, in good health', async () => {
    const { base, keeper, renewals, acquiredAt, lost } = await setUp();
    await base.advance(60_000);
    expect(renewals()).toHaveLength(12);
    expect(renewals()[0]).toBeCloseTo(acquiredAt + 5000, -3);
    expect(keeper.isHeld).toBe(true);
    expect(lost).toEqual([]);
  });

  it('counts its deadline from the sending of the last renewal that succeeded, not from its answer', async () => {
    const { base, link, keeper, renewals, lost } = await setUp();
    await base.advance(5200);
    const sentAt = renewals().at(-1) ?? 0;
    link.cut('lose');
    await base.advance(sentAt + 13_999 - base.monotonic());
    expect(keeper.isHeld).toBe(true);
    await base.advance(1);
    expect(keeper.isHeld).toBe(false);
    await base.advance(200);
    expect(lost.map((loss) => loss.reason)).toEqual(['the lease could not be renewed in time']);
  });

  it('ends before the lease does, as the storage counts it', async () => {
    const { base, storage, link, keeper } = await setUp();
    link.cut('lose');
    while (keeper.isHeld) await base.advance(50);
    expect(await storage.leases.isHeld(LEADER_LEASE)).toBe(true);
  });

  it('does not take a renewal for one whose answer was lost', async () => {
    const { base, link, keeper } = await setUp();
    link.fate = () => 'lose_answer';
    await base.advance(14_000);
    expect(keeper.isHeld).toBe(false);
  });

  it.each(['refuse', 'lose', 'throttle'] as const)(
    'goes on trying until the deadline while renewals fail (%s)',
    async (fate) => {
      const { base, link, keeper, lost } = await setUp();
      await base.advance(4000);
      link.fate = () => fate;
      await base.advance(9000);
      expect(keeper.isHeld).toBe(true);
      link.heal();
      await base.advance(5000);
      expect(keeper.isHeld).toBe(true);
      expect(lost).toEqual([]);
    },
  );

  it('gives up at once when the lease is another one', async () => {
    const { base, storage, keeper, lost } = await setUp();
    await base.advance(1000);
    await storage.leases.break(LEADER_LEASE);
    await base.advance(4200);
    expect(lost).toHaveLength(1);
    expect(keeper.isHeld).toBe(false);
  });

  it('renews at once when it notices that the process stood still', async () => {
    const { base, runtime, storage, lost } = await setUp();
    await base.advance(1000);
    runtime.freeze();
    await base.advance(2000);
    await storage.leases.break(LEADER_LEASE);
    runtime.thaw();
    await base.advance(10);
    expect(lost).toHaveLength(1);
  });

  it('is silent from the first moment after a pause longer than the lease', async () => {
    const { base, runtime, keeper, lost } = await setUp();
    runtime.freeze();
    await base.advance(20_000);
    expect(keeper.isHeld).toBe(false);
    runtime.thaw();
    expect(keeper.isHeld).toBe(false);
    await base.advance(1);
    expect(lost).toHaveLength(1);
  });

  it('does not come back once its deadline has passed, though a renewal is answered right after it', async () => {
    const { base, runtime, link, keeper, renewals, lost, acquiredAt } = await setUp();
    link.cut('lose');
    await base.advance(acquiredAt + 13_900 - base.monotonic());
    link.heal();
    const before = renewals().length;
    while (renewals().length === before) await base.advance(1);
    await base.advance(1);
    runtime.freeze();
    await base.advance(acquiredAt + 14_000 - base.monotonic());
    expect(keeper.isHeld).toBe(false);
    // The answer comes before the next look at the clock.
    runtime.thaw();
    await base.advance(1);
    expect(keeper.isHeld).toBe(false);
    await base.advance(1000);
    expect(keeper.isHeld).toBe(false);
    expect(lost.map((loss) => loss.reason)).toEqual(['the lease could not be renewed in time']);
  });

  it('does not mind what the wall clock does', async () => {
    const { base, keeper, lost } = await setUp();
    for (const jump of [-3_600_000, 7_200_000, -86_400_000]) {
      base.wallOffsetMs += jump;
      await base.advance(20_000);
    }
    expect(keeper.isHeld).toBe(true);
    expect(lost).toEqual([]);
  });

  it('asks the storage at once when another call had no answer, and says after a second that it is silent', async () => {
    const { base, link, sightings, health, keeper } = await setUp();
    await base.advance(1000);
    link.cut('refuse');
    sightings.lastSilenceAt = base.monotonic();
    await base.advance(900);
    expect(keeper.storageAnswers).toBe(true);
    await base.advance(200);
    expect(keeper.storageAnswers).toBe(false);
    link.heal();
    await base.advance(300);
    expect(health.map((change) => change.answers)).toEqual([false, true]);
  });

  it('asks when a call hangs, and is content while renewals go through though the call is still hanging', async () => {
    const { base, sightings, renewals, health } = await setUp();
    await base.advance(1000);
    sightings.oldestPendingAt = base.monotonic();
    await base.advance(3000);
    expect(renewals().length).toBeGreaterThan(0);
    expect(renewals().length).toBeLessThan(13);
    expect(health).toEqual([]);
  });

  it('says within a second and a half that the storage is silent when a call hangs and renewals do too', async () => {
    const { base, link, sightings, keeper } = await setUp();
    await base.advance(1000);
    link.cut('lose');
    sightings.oldestPendingAt = base.monotonic();
    await base.advance(1200);
    expect(keeper.storageAnswers).toBe(false);
    expect(keeper.isHeld).toBe(true);
  });

  it('finds an idle line cut at the next renewal', async () => {
    const { base, link, health } = await setUp();
    await base.advance(1000);
    link.cut('lose');
    await base.advance(5500);
    expect(health.map((change) => change.answers)).toEqual([false]);
  });

  it('makes no call after it was stopped', async () => {
    const { base, keeper, renewals, lost } = await setUp();
    keeper.stop();
    await base.advance(60_000);
    expect(renewals()).toEqual([]);
    expect(lost).toEqual([]);
    expect(keeper.isHeld).toBe(false);
  });
});
