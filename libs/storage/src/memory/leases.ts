import type { Runtime } from '@message-vault/runtime';
import { StorageError } from '../errors.ts';
import type { LeaseStore } from '../ports.ts';
import { checkBlobName, checkLeaseId, checkLeaseSeconds } from '../rules.ts';
import { answerRepeatable, answerWrite } from './answers.ts';

/** `leased` past `heldUntil` is what Azure calls expired: renewable by its holder until somebody else takes it. */
type Lease =
  | { readonly state: 'available' }
  | { readonly state: 'leased'; readonly id: string; readonly seconds: number; readonly heldUntil: number }
  | { readonly state: 'broken'; readonly id: string };

function conflict(message: string): never {
  throw new StorageError('lease_conflict', message);
}

/** Leases by the state table of Azure's "Lease Blob", expiring on the monotonic clock of `runtime`. */
export function memoryLeases(runtime: Runtime): LeaseStore {
  const leases = new Map<string, Lease>();

  function leaseOf(lease: string): Lease {
    checkBlobName(lease);
    const found = leases.get(lease);
    if (found === undefined) throw new StorageError('not_found', `there is no lease blob ${lease}`);
    return found;
  }

  const isHeld = (lease: Lease): lease is Lease & { state: 'leased' } =>
    lease.state === 'leased' && runtime.monotonic() < lease.heldUntil;

  function take(lease: string, id: string, seconds: number): void {
    leases.set(lease, { state: 'leased', id, seconds, heldUntil: runtime.monotonic() + seconds * 1000 });
  }

  return {
    ensure: (lease, options) =>
      answerRepeatable(options, () => {
        checkBlobName(lease);
        if (!leases.has(lease)) leases.set(lease, { state: 'available' });
      }),
    acquire: (lease, leaseId, durationSeconds, options) =>
      answerWrite(options, () => {
        checkLeaseId(leaseId);
        checkLeaseSeconds(durationSeconds);
        const current = leaseOf(lease);
        if (isHeld(current) && current.id !== leaseId) conflict(`lease ${lease} is held`);
        take(lease, leaseId, durationSeconds);
      }),
    renew: (lease, leaseId, options) =>
      answerWrite(options, () => {
        checkLeaseId(leaseId);
        const current = leaseOf(lease);
        if (current.state === 'broken') conflict(`lease ${lease} is broken`);
        if (current.state === 'available' || current.id !== leaseId)
          conflict(`lease ${lease} is not held by this id`);
        take(lease, leaseId, current.seconds);
      }),
    break: (lease, options) =>
      answerWrite(options, () => {
        const current = leaseOf(lease);
        if (current.state === 'leased') leases.set(lease, { state: 'broken', id: current.id });
      }),
    release: (lease, leaseId, options) =>
      answerRepeatable(options, () => {
        checkBlobName(lease);
        checkLeaseId(leaseId);
        const current = leases.get(lease) ?? { state: 'available' };
        if (current.state !== 'available' && current.id === leaseId)
          leases.set(lease, { state: 'available' });
      }),
    isHeld: (lease, options) => answerRepeatable(options, () => isHeld(leaseOf(lease))),
  };
}
