import { DrillError } from './errors.ts';

const LOOK_EVERY_MS = 20;

/** Milliseconds that never go back: the clock of every history here. */
export const now = (): number => performance.now();

/** Rejects with the signal's reason when it fires. */
export function pause(forMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, forMs);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Looks again and again until `look` answers something else than undefined. Throws DrillError `did_not_happen`, naming
 * `what`, after `withinMs`.
 */
export async function until<Value>(
  what: string,
  look: () => Value | undefined | Promise<Value | undefined>,
  options: { withinMs: number; signal: AbortSignal; everyMs?: number },
): Promise<Value> {
  const deadline = now() + options.withinMs;
  for (;;) {
    const value = await look();
    if (value !== undefined) return value;
    if (now() >= deadline) {
      throw new DrillError('did_not_happen', `${what}: not within ${options.withinMs / 1000} s`);
    }
    await pause(options.everyMs ?? LOOK_EVERY_MS, options.signal);
  }
}
