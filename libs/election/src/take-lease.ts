import type { Runtime } from '@message-vault/runtime';
import { isStorageError } from '@message-vault/storage';
import { isSilence, type StorageCalls } from './storage-calls.ts';

export type LeaseAttempt =
  /** `sentAt`, monotonic: when the call that succeeded was sent. */
  | { readonly kind: 'taken'; readonly sentAt: number }
  | { readonly kind: 'held' }
  /** Perhaps taken all the same; whoever gives up should release the id. */
  | { readonly kind: 'failed'; readonly error: unknown };

export interface LeaseRequest {
  readonly lease: string;
  /** New for every request: an answer that was lost is found out about by it. */
  readonly leaseId: string;
  readonly durationSeconds: number;
}

const TRIES = 3;

/**
 * Takes a lease if it is free, making its blob if need be. After an unknown outcome it asks again with the same id: if the
 * first try landed, the second one succeeds as well.
 */
export async function takeLease(
  calls: StorageCalls,
  runtime: Runtime,
  request: LeaseRequest,
): Promise<LeaseAttempt> {
  let error: unknown;
  for (let tries = 0; tries < TRIES; tries++) {
    const sentAt = runtime.monotonic();
    try {
      await calls.acquire(request.lease, request.leaseId, request.durationSeconds);
      return { kind: 'taken', sentAt };
    } catch (caught) {
      error = caught;
      if (isStorageError(caught, 'lease_conflict')) return { kind: 'held' };
      if (isStorageError(caught, 'not_found')) await calls.ensureLease(request.lease).catch(() => {});
      else if (!isSilence(caught)) break;
    }
  }
  return { kind: 'failed', error };
}

/**
 * Ends whatever lease is in force. Breaking twice does nothing more, so an unknown outcome is simply tried again,
 * as long as `may` says so; false when it did not any more. Rejects with the last StorageError.
 */
export async function breakLease(calls: StorageCalls, lease: string, may: () => boolean): Promise<boolean> {
  for (let tries = 1; may(); tries++) {
    try {
      await calls.break(lease);
      return true;
    } catch (error) {
      if (isStorageError(error, 'not_found')) return true;
      if (tries === TRIES || !isSilence(error)) throw error;
    }
  }
  return false;
}

/** Lets go of a lease, trying again while the outcome is unknown. False when it may still be held. */
export async function releaseLease(calls: StorageCalls, lease: string, leaseId: string): Promise<boolean> {
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      await calls.release(lease, leaseId);
      return true;
    } catch (error) {
      if (!isSilence(error)) return true;
    }
  }
  return false;
}
