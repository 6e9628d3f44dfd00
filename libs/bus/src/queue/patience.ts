import { type Runtime, sleep } from '@message-vault/runtime';
import { isStorageError } from '@message-vault/storage';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;

/** Until when something is tried again, on the monotonic clock. */
export interface Patience {
  readonly runtime: Runtime;
  readonly until: number;
}

/** Makes a call again while the storage certainly did nothing of it (`throttled`) or repeating it is harmless. */
export async function patiently<T>(
  { runtime, until }: Patience,
  repeatable: boolean,
  call: () => Promise<T>,
): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      return await call();
    } catch (error) {
      const again =
        isStorageError(error, 'throttled') || (repeatable && isStorageError(error, 'unavailable'));
      const wait = Math.max(
        pauseMs * (0.5 + runtime.random()),
        isStorageError(error) ? (error.retryAfterMs ?? 0) : 0,
      );
      if (!again || runtime.monotonic() + wait > until) throw error;
      await sleep(runtime, wait);
    }
  }
}

/** Runs `work` over `items`, `width` at once, in order; after a failure none is begun. Rejects with the first when all have ended. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (!failed && next < items.length) {
      const index = next++;
      const item = items[index];
      if (item === undefined) return;
      try {
        await work(item, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, worker));
  const failure = ended.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
