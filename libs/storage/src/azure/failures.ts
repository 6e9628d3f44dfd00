import { isRestError, type RestError } from '@azure/storage-queue';
import { messageOf } from '@message-vault/runtime';
import { StorageError, type StorageErrorCode } from '../errors.ts';
import type { HttpAnswer } from './http-pool.ts';

/** What a call that got no trustworthy answer leaves behind: a write unknown, anything else simply unanswered. */
export type LostAs = 'outcome_unknown' | 'unavailable';

/**
 * What Azure's error codes mean to us. Every one of these is a refusal made before anything was applied.
 *
 * `ServerBusy` (503) is among them by its definition: the server "is currently unable to receive requests", or a limit
 * of the account or the partition is exceeded. The codes whose outcome is open are separate ones, `OperationTimedOut`
 * ("may or may not have succeeded") and `InternalError`, both 500, and are not listed here. A 503 or 429 *without* the
 * code comes from something in between, which may well have passed the request on: its outcome is open as well. Should
 * the definition ever prove too kind, the cost is bounded: a write put again carries the ETag it was first sent with,
 * so it can't land twice, nor over something else.
 * Source: Azure, "Common REST API error codes", "Blob Storage error codes" and "Queue Storage error codes".
 */
const byErrorCode: Readonly<Record<string, StorageErrorCode>> = {
  SequenceNumberConditionNotMet: 'epoch_fenced',
  ConditionNotMet: 'etag_mismatch',
  TargetConditionNotMet: 'etag_mismatch',
  BlobAlreadyExists: 'already_exists',
  ContainerAlreadyExists: 'already_exists',
  BlobNotFound: 'not_found',
  ContainerNotFound: 'not_found',
  ResourceNotFound: 'not_found',
  ContainerBeingDeleted: 'not_found',
  QueueAlreadyExists: 'already_exists',
  QueueNotFound: 'not_found',
  QueueBeingDeleted: 'not_found',
  MessageNotFound: 'receipt_lost',
  PopReceiptMismatch: 'receipt_lost',
  // Answered with 400 where the header is malformed, and with 401 otherwise.
  InvalidAuthenticationInfo: 'unauthorized',
  ServerBusy: 'throttled',
};

/** What a status means where the error code says nothing we know. Statuses not listed leave it open what happened. */
const byStatus: Readonly<Record<number, StorageErrorCode>> = {
  400: 'invalid_request',
  401: 'unauthorized',
  403: 'unauthorized',
  404: 'not_found',
  405: 'invalid_request',
  409: 'invalid_request',
  411: 'invalid_request',
  412: 'etag_mismatch',
  413: 'invalid_request',
  416: 'invalid_request',
};

/** An answer that is not the success the call hoped for. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly errorCode: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, header: (name: string) => string | undefined) {
    const errorCode = header('x-ms-error-code');
    super(
      `the storage answered ${status} ${errorCode ?? ''} (request ${header('x-ms-request-id') ?? 'without id'})`,
    );
    this.status = status;
    this.errorCode = errorCode;
    const seconds = Number(header('retry-after') ?? Number.NaN);
    this.retryAfterMs = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
  }
}

/** The refusal an HTTP answer is. */
export function refusalOf({ status, headers }: HttpAnswer): Refusal {
  return new Refusal(status, (name) => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  });
}

/** The StorageError for whatever a try ended with. No message or cause of it holds a URL, which may be a secret. */
export function storageErrorOf(error: unknown, lostAs: LostAs): StorageError {
  if (error instanceof StorageError) return error;
  const refusal = isRestError(error) ? refusalOfRestError(error) : error;
  if (!(refusal instanceof Refusal)) {
    const why = messageOf(refusal);
    return new StorageError(lostAs, `no answer came from the storage: ${why}`, { cause: refusal });
  }
  const { retryAfterMs } = refusal;
  return new StorageError(
    codeOf(refusal) ?? lostAs,
    refusal.message,
    retryAfterMs === undefined ? {} : { retryAfterMs },
  );
}

function codeOf({ status, errorCode }: Refusal): StorageErrorCode | undefined {
  if (errorCode?.startsWith('Lease')) return 'lease_conflict';
  return byErrorCode[errorCode ?? ''] ?? byStatus[status];
}

/** The SDK's errors hold the request with its URL: nothing of them is kept but what the answer said. */
function refusalOfRestError({ response, code }: RestError): Refusal | Error {
  return response
    ? new Refusal(response.status, (name) => response.headers.get(name))
    : new Error(code ?? 'no answer');
}
