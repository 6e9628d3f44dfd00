import { isVaultClientError } from '@message-vault/client';
import { isLogError } from '@message-vault/log';
import { isStorageError } from '@message-vault/storage';
import { ClusterError } from '@message-vault/up';

export type DrillErrorCode =
  /** An option makes no sense; the message says which and what was expected. */
  | 'bad_option'
  /** No drill of that name. */
  | 'no_such_drill'
  /** The cluster did not come to the state a drill needs, within its time. */
  | 'not_settled'
  /** What was waited for during a drill did not happen within its time. */
  | 'did_not_happen';

/** Expected failure of a drill; the message is written for whoever typed the command. */
export class DrillError extends Error {
  override readonly name = 'DrillError';
  readonly code: DrillErrorCode;

  constructor(code: DrillErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}

/** Whether `error` is a failure that its message explains, and no bug of the drill. */
export function isExpected(error: unknown): error is Error {
  return (
    error instanceof DrillError ||
    error instanceof ClusterError ||
    isVaultClientError(error) ||
    isLogError(error) ||
    isStorageError(error)
  );
}
