import type { AppendBlobClient, BlobLeaseClient } from '@azure/storage-blob';
import { StorageError } from '../errors.ts';
import type { LeaseStore } from '../ports.ts';
import { checkBlobName, checkLeaseId, checkLeaseSeconds } from '../rules.ts';
import { absentOnly, unlessCode } from './answers.ts';
import type { SystemContainer } from './system-container.ts';
import type { Tries } from './tries.ts';

/**
 * Leases on empty append blobs in the system container: a type of their own keeps them out of listings of documents.
 * Source: Azure, "Lease Blob", with its table of states.
 */
export function azureLeases(tries: Tries, system: SystemContainer): LeaseStore {
  const blob = (lease: string): AppendBlobClient => {
    checkBlobName(lease);
    return system.client().getAppendBlobClient(lease);
  };
  const held = (lease: string, leaseId: string): BlobLeaseClient => {
    checkLeaseId(leaseId);
    return blob(lease).getBlobLeaseClient(leaseId);
  };
  return {
    async ensure(lease, options) {
      const create = (): Promise<unknown> =>
        tries.repeatedly(options, (abortSignal) =>
          blob(lease).create({ conditions: { ifNoneMatch: '*' }, abortSignal }),
        );
      await system
        .creating(options, create)
        .catch(absentOnly)
        .catch(unlessCode('already_exists'))
        // It is there and held, and the lease is what was looked at first.
        .catch(unlessCode('lease_conflict'));
    },
    acquire: (lease, leaseId, durationSeconds, options) =>
      tries.once(options, async (abortSignal) => {
        checkLeaseSeconds(durationSeconds);
        const answer = await held(lease, leaseId).acquireLease(durationSeconds, { abortSignal });
        mustBe(leaseId, answer.leaseId);
      }),
    renew: (lease, leaseId, options) =>
      tries.once(options, async (abortSignal) => {
        const answer = await held(lease, leaseId).renewLease({ abortSignal });
        mustBe(leaseId, answer.leaseId);
      }),
    async break(lease, options) {
      const end = tries.once(options, (abortSignal) =>
        blob(lease).getBlobLeaseClient().breakLease(0, { abortSignal }),
      );
      // There was none to break.
      await end.catch(unlessCode('lease_conflict'));
    },
    async release(lease, leaseId, options) {
      const letGo = tries.repeatedly(options, (abortSignal) =>
        held(lease, leaseId).releaseLease({ abortSignal }),
      );
      await letGo.catch(unlessCode('lease_conflict')).catch(unlessCode('not_found'));
    },
    isHeld: (lease, options) =>
      tries.repeatedly(options, async (abortSignal) => {
        const { leaseState } = await blob(lease).getProperties({ abortSignal });
        return leaseState === 'leased' || leaseState === 'breaking';
      }),
  };
}

/** Azurite lets anyone renew a lease that has expired, and answers with the id of who had it. */
function mustBe(mine: string, inForce: string | undefined): void {
  if (inForce !== mine) throw new StorageError('lease_conflict', 'the lease is another holder’s');
}
