import { sleep } from '@message-vault/runtime';
import { isStorageError, StorageError } from '../errors.ts';
import type { CallOptions } from '../ports.ts';
import { type LostAs, storageErrorOf } from './failures.ts';
import type { AzureSettings } from './settings.ts';

/** One try of a call: it ends, whatever it is at, when `signal` is aborted. */
type Try<T> = (signal: AbortSignal) => Promise<T>;

/** How calls are made: with a deadline each, repeated only where that can do no harm, failing with a StorageError. */
export interface Tries {
  /** Makes a write once. Without an answer in time its outcome is unknown. */
  once<T>(options: CallOptions | undefined, attempt: Try<T>): Promise<T>;
  /** Makes a read, or a call that may be repeated at will, until it is answered or `maxTries` are used up. */
  repeatedly<T>(options: CallOptions | undefined, attempt: Try<T>): Promise<T>;
}

export function tries(settings: AzureSettings): Tries {
  const { runtime, maxTries, backoffMs, maxBackoffMs } = settings;

  async function attemptOnce<T>(
    options: CallOptions | undefined,
    lostAs: LostAs,
    attempt: Try<T>,
  ): Promise<T> {
    const giveUp = new AbortController();
    const timeoutMs = lostAs === 'outcome_unknown' ? settings.writeTimeoutMs : settings.readTimeoutMs;
    const timer = runtime.setTimer(timeoutMs, () =>
      giveUp.abort(new Error(`no answer within ${timeoutMs} ms`)),
    );
    const onAbort = (): void => giveUp.abort(options?.signal?.reason);
    if (options?.signal?.aborted) onAbort();
    else options?.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await attempt(giveUp.signal);
    } catch (error) {
      throw storageErrorOf(error, lostAs);
    } finally {
      timer.cancel();
      options?.signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Random between nothing and a bound that doubles, so that those who failed together don't come back together. */
  async function pause(
    triesMade: number,
    error: StorageError,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const bound = Math.min(maxBackoffMs, backoffMs * 2 ** (triesMade - 1));
    const asked = Math.min(maxBackoffMs, error.retryAfterMs ?? 0);
    await sleep(runtime, Math.max(asked, runtime.random() * bound), signal).catch((reason: unknown) => {
      throw new StorageError('unavailable', 'aborted between two tries', { cause: reason });
    });
  }

  return {
    once: (options, attempt) => attemptOnce(options, 'outcome_unknown', attempt),
    async repeatedly(options, attempt) {
      for (let made = 1; ; made++) {
        try {
          return await attemptOnce(options, 'unavailable', attempt);
        } catch (error) {
          const mayPass = isStorageError(error, 'unavailable', 'throttled') && !options?.signal?.aborted;
          if (!mayPass || made >= maxTries) throw error;
          await pause(made, error, options?.signal);
        }
      }
    },
  };
}
