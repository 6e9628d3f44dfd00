import { expect } from 'vitest';
import { StorageError, type StorageErrorCode } from '../errors.ts';

/** The code a call failed with; fails the test when it succeeded or threw anything but a StorageError. */
export async function codeOf(call: Promise<unknown>): Promise<StorageErrorCode> {
  const failure = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(StorageError);
  return failure instanceof StorageError ? failure.code : expect.unreachable('checked above');
}

/** How many of the calls succeeded, and the codes of those that did not. */
export async function tally(
  calls: Promise<unknown>[],
): Promise<{ succeeded: number; codes: StorageErrorCode[] }> {
  const settled = await Promise.allSettled(calls);
  const failed = settled.filter((one) => one.status === 'rejected');
  const codes = await Promise.all(failed.map((one) => codeOf(Promise.reject(one.reason))));
  return { succeeded: settled.length - failed.length, codes };
}

/** A name nothing else in the storage has, so that suites can share one storage and run twice. */
export function freshName(prefix: string): string {
  return `${prefix}-${crypto.randomUUID().slice(0, 13)}`;
}
