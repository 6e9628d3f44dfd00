import { isRestError } from '@azure/storage-queue';
import { isStorageError, StorageError, type StorageErrorCode } from '../errors.ts';
import type { ETag } from '../ports.ts';
import { type LostAs, refusalOf } from './failures.ts';
import type { HttpAnswer } from './http-pool.ts';

/** The answer of a direct request, when it has one of `statuses`; its refusal is thrown otherwise. */
export function expectStatus(answer: HttpAnswer, ...statuses: number[]): HttpAnswer {
  if (!statuses.includes(answer.status)) throw refusalOf(answer);
  return answer;
}

/** An ETag that must be there: an answer without one can't be trusted. */
export function etagOf(etag: string | undefined, lostAs: LostAs): ETag {
  if (etag === undefined || etag === '')
    throw new StorageError(lostAs, 'the storage answered without an ETag');
  return etag;
}

/** A whole number from a header that must be there. */
export function numberOf(answer: HttpAnswer, header: string): number {
  const value = Number(answer.headers[header] ?? Number.NaN);
  if (!Number.isSafeInteger(value))
    throw new StorageError('unavailable', `the storage answered without ${header}`);
  return value;
}

/** Since the last change of what was asked about, by the storage's clock; 0 where it does not tell both times. */
export function unchangedMsOf({ headers }: HttpAnswer): number {
  const sinceMs = Date.parse(String(headers.date)) - Date.parse(String(headers['last-modified']));
  return Number.isNaN(sinceMs) ? 0 : Math.max(0, sinceMs);
}

/** For `catch`: swallows a StorageError of `code`, which means that what was asked for is so already. */
export function unlessCode(code: StorageErrorCode): (error: unknown) => void {
  return (error) => {
    if (!isStorageError(error, code)) throw error;
  };
}

/** For the `catch` of a creation under If-None-Match `*`: that condition fails only for what is there, whatever the code. */
export function absentOnly(error: unknown): never {
  if (!isStorageError(error, 'etag_mismatch')) throw error;
  throw new StorageError('already_exists', error.message);
}

/** True for the SDK's error about an answer of this status. */
export function hasStatus(error: unknown, status: number): boolean {
  return isRestError(error) && error.statusCode === status;
}
