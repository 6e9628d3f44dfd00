import { setTimeout as sleep } from 'node:timers/promises';
import { isLogError } from '@message-vault/log';
import { isStorageError } from '@message-vault/storage';

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

/**
 * Tries again, with growing pauses, as long as it is only the storage that does not answer: a consumer who chases the
 * tail has time. Other errors, and the end of `signal`, are thrown.
 */
export async function patiently<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await read();
    } catch (error) {
      if (signal.aborted || !passesByItself(error)) throw error;
    }
    await sleep(pauseMs, undefined, { signal });
  }
}

function passesByItself(error: unknown): boolean {
  return isLogError(error, 'storage_unavailable') || isStorageError(error, 'unavailable', 'throttled');
}
