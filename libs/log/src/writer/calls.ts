import { type Runtime, sleep } from '@message-vault/runtime';
import {
  type CallOptions,
  isStorageError,
  type PageStore,
  StorageError,
  type StorageErrorCode,
} from '@message-vault/storage';
import { LogError } from '../errors.ts';
import type { Leadership } from './leadership.ts';

/** The storage as one writer uses it: no call is waited for without end. */
export interface Calls {
  readonly pages: PageStore;
  readonly runtime: Runtime;
  /** The longest wait for one call. */
  readonly timeoutMs: number;
  /** Aborted when waiting for anything has become pointless. */
  readonly stop?: AbortSignal | undefined;
}

/** A read that was not answered in time changed nothing; a write may have been applied, or may still be. */
export type LateCode = Extract<StorageErrorCode, 'unavailable' | 'outcome_unknown'>;

/**
 * Runs one storage call and gives it up, as `late`, after the timeout or when `stop` is aborted. The store is told by its
 * signal; that it listens is not relied on.
 */
function timed<T>(calls: Calls, late: LateCode, run: (options: CallOptions) => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const controller = new AbortController();
    const giveUp = (why: string): void => {
      release();
      reject(new StorageError(late, why));
      controller.abort(new StorageError(late, why));
    };
    const onStop = (): void => giveUp('the writer has stopped waiting');
    const timer = calls.runtime.setTimer(calls.timeoutMs, () =>
      giveUp(`no answer within ${calls.timeoutMs} ms`),
    );
    const release = (): void => {
      timer.cancel();
      calls.stop?.removeEventListener('abort', onStop);
    };
    if (calls.stop?.aborted) {
      onStop();
      return;
    }
    calls.stop?.addEventListener('abort', onStop, { once: true });
    run({ signal: controller.signal }).then(resolve, reject).finally(release);
  });
}

export function timedRead<T>(calls: Calls, run: (options: CallOptions) => Promise<T>): Promise<T> {
  return timed(calls, 'unavailable', run);
}

export function timedWrite<T>(calls: Calls, run: (options: CallOptions) => Promise<T>): Promise<T> {
  return timed(calls, 'outcome_unknown', run);
}

/** True for what may be gone at the next try. */
function isPassing(error: unknown): error is StorageError {
  return isStorageError(error, 'unavailable', 'throttled', 'outcome_unknown', 'unauthorized');
}

const FIRST_PAUSE_MS = 20;
export const LONGEST_PAUSE_MS = 1000;

/** Growing pauses with jitter: doubling to a second, each somewhere between half and all of it. */
export class Backoff {
  readonly #runtime: Runtime;
  #tries = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** The next pause in milliseconds; never shorter than what the storage asked for. */
  nextMs(retryAfterMs = 0): number {
    const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#tries, 10));
    this.#tries += 1;
    return Math.max(retryAfterMs, full * (0.5 + this.#runtime.random() / 2));
  }
}

/** Sleeps, but wakes at once when the writer stops. */
export async function pause(calls: Calls, delayMs: number): Promise<void> {
  await sleep(calls.runtime, delayMs, calls.stop).catch(() => undefined);
}

/** How long to keep trying: until a moment on the monotonic clock, and only while leading. */
export interface Patience {
  readonly deadline: number;
  readonly leadership: Leadership;
}

/**
 * Repeats an operation that is harmless to repeat until it is answered. Throws LogError `storage_unavailable` when that
 * did not come in time, `not_leader` when leadership ended; anything but a passing failure goes through as it is.
 */
export async function insist<T>(calls: Calls, patience: Patience, run: () => Promise<T>): Promise<T> {
  const backoff = new Backoff(calls.runtime);
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (!isPassing(error)) throw error;
      const delayMs = backoff.nextMs(error.retryAfterMs);
      if (calls.runtime.monotonic() + delayMs > patience.deadline || calls.stop?.aborted) {
        throw new LogError(
          'storage_unavailable',
          'storage does not answer',
          { retryAfterMs: LONGEST_PAUSE_MS },
          error,
        );
      }
      await pause(calls, delayMs);
      if (!patience.leadership.isLeading())
        throw new LogError('not_leader', 'leadership has ended', {}, error);
    }
  }
}
