import { describe, expect, it } from 'vitest';
import type { LeaseStore } from '../ports.ts';
import { codeOf, freshName, tally } from './outcomes.ts';

export interface LeaseConformanceTarget {
  readonly leases: LeaseStore;
  /** Answers when time has gone on so far that a lease of `seconds` taken before the call has expired. */
  outlast(lease: string, seconds: number): Promise<void>;
}

/**
 * Everything the election relies on in a LeaseStore, as tests. `make` is called for every test; it may answer the same
 * store every time. Tests run at the same time, since on a real service some have to wait for a lease to run out.
 */
export function runLeaseStoreConformance(name: string, make: () => LeaseConformanceTarget): void {
  async function fresh(): Promise<LeaseConformanceTarget & { lease: string; mine: string; theirs: string }> {
    const target = make();
    const lease = freshName('lease');
    await target.leases.ensure(lease);
    return { ...target, lease, mine: crypto.randomUUID(), theirs: crypto.randomUUID() };
  }

  describe.concurrent(`${name}: lease store`, () => {
    it('a lease that was never made is not found', async () => {
      const { leases } = make();
      const lease = freshName('none');
      const id = crypto.randomUUID();
      expect(await codeOf(leases.acquire(lease, id, 15))).toBe('not_found');
      expect(await codeOf(leases.renew(lease, id))).toBe('not_found');
      expect(await codeOf(leases.break(lease))).toBe('not_found');
      expect(await codeOf(leases.isHeld(lease))).toBe('not_found');
    });

    it('making it again changes nothing, also while it is held', async () => {
      const { leases, lease, mine, theirs } = await fresh();
      await leases.ensure(lease);
      await leases.acquire(lease, mine, 60);
      await leases.ensure(lease);
      expect(await codeOf(leases.acquire(lease, theirs, 15))).toBe('lease_conflict');
      await leases.renew(lease, mine);
    });

    it('is held by one at a time, and by its holder again', async () => {
      const { leases, lease, mine, theirs } = await fresh();
      expect(await leases.isHeld(lease)).toBe(false);
      await leases.acquire(lease, mine, 60);
      expect(await leases.isHeld(lease)).toBe(true);
      expect(await codeOf(leases.acquire(lease, theirs, 60))).toBe('lease_conflict');
      await leases.acquire(lease, mine, 60);
      expect(await codeOf(leases.renew(lease, theirs))).toBe('lease_conflict');
      await leases.renew(lease, mine);
    });

    it('goes to exactly one of several contenders at once', async () => {
      const { leases, lease } = await fresh();
      const contend = (): Promise<void> => leases.acquire(lease, crypto.randomUUID(), 60);
      const outcome = await tally([contend(), contend(), contend(), contend()]);
      expect(outcome).toEqual({ succeeded: 1, codes: Array(3).fill('lease_conflict') });
    });

    it('once broken can be taken at once, and not be renewed by who had it', async () => {
      const { leases, lease, mine, theirs } = await fresh();
      await leases.acquire(lease, mine, 60);
      await leases.break(lease);
      expect(await leases.isHeld(lease)).toBe(false);
      expect(await codeOf(leases.renew(lease, mine))).toBe('lease_conflict');
      await leases.acquire(lease, theirs, 60);
      expect(await codeOf(leases.renew(lease, mine))).toBe('lease_conflict');
      await leases.renew(lease, theirs);
    });

    it('that nobody holds can be broken, again and again', async () => {
      const { leases, lease, mine } = await fresh();
      await leases.break(lease);
      await leases.acquire(lease, mine, 60);
      await leases.break(lease);
      await leases.break(lease);
      expect(await leases.isHeld(lease)).toBe(false);
    });

    it('once released is free, and not renewable', async () => {
      const { leases, lease, mine, theirs } = await fresh();
      await leases.acquire(lease, mine, 60);
      await leases.release(lease, mine);
      expect(await leases.isHeld(lease)).toBe(false);
      expect(await codeOf(leases.renew(lease, mine))).toBe('lease_conflict');
      await leases.acquire(lease, theirs, 60);
    });

    it('can be released by who lost it, without touching who has it now', async () => {
      const { leases, lease, mine, theirs } = await fresh();
      await leases.release(lease, mine);
      await leases.acquire(lease, mine, 60);
      await leases.break(lease);
      await leases.acquire(lease, theirs, 60);
      await leases.release(lease, mine);
      expect(await leases.isHeld(lease)).toBe(true);
      await leases.renew(lease, theirs);
      await leases.release(freshName('none'), mine);
    });

    it('takes no time the service would not give, and no id that is not a UUID', async () => {
      const { leases, lease, mine } = await fresh();
      expect(await codeOf(leases.acquire(lease, mine, 14))).toBe('invalid_request');
      expect(await codeOf(leases.acquire(lease, mine, 61))).toBe('invalid_request');
      expect(await codeOf(leases.acquire(lease, 'me', 15))).toBe('invalid_request');
      expect(await leases.isHeld(lease)).toBe(false);
    });

    it('expires when not renewed, and can then be taken by another, but not renewed by who had it', async () => {
      const { leases, outlast, lease, mine, theirs } = await fresh();
      await leases.acquire(lease, mine, 15);
      await outlast(lease, 15);
      expect(await leases.isHeld(lease)).toBe(false);
      await leases.acquire(lease, theirs, 60);
      expect(await codeOf(leases.renew(lease, mine))).toBe('lease_conflict');
      await leases.renew(lease, theirs);
    });

    it('expired and taken by nobody, can be renewed by its holder and by nobody else', async () => {
      const { leases, outlast, lease, mine, theirs } = await fresh();
      await leases.acquire(lease, mine, 15);
      await outlast(lease, 15);
      expect(await codeOf(leases.renew(lease, theirs))).toBe('lease_conflict');
      await leases.renew(lease, mine);
      expect(await leases.isHeld(lease)).toBe(true);
    });
  });
}
