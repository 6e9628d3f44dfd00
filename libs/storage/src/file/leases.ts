import type { LeaseStore } from '../ports.ts';
import { checkBlobName, checkLeaseId, checkLeaseSeconds } from '../rules.ts';
import type { FileCalls } from './calls.ts';
import type { FileClock } from './clock.ts';

/** Leases by the state table of Azure's "Lease Blob", expiring on the machine's monotonic clock. */
export function fileLeases({ write, repeatable }: FileCalls, clock: FileClock): LeaseStore {
  const now = (): number => Math.floor(clock.monotonic());
  return {
    async ensure(lease, options) {
      checkBlobName(lease);
      await repeatable(options, 'ensureLease', lease);
    },
    async acquire(lease, leaseId, durationSeconds, options) {
      checkBlobName(lease);
      checkLeaseId(leaseId);
      checkLeaseSeconds(durationSeconds);
      await write(options, 'acquireLease', lease, leaseId, durationSeconds, now());
    },
    async renew(lease, leaseId, options) {
      checkBlobName(lease);
      checkLeaseId(leaseId);
      await write(options, 'renewLease', lease, leaseId, now());
    },
    async break(lease, options) {
      checkBlobName(lease);
      await write(options, 'breakLease', lease);
    },
    async release(lease, leaseId, options) {
      checkBlobName(lease);
      checkLeaseId(leaseId);
      await repeatable(options, 'releaseLease', lease, leaseId);
    },
    async isHeld(lease, options) {
      checkBlobName(lease);
      return await repeatable(options, 'leaseIsHeld', lease, now());
    },
  };
}
