/** A timer that has been set and can be taken back. Cancelling a fired timer does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * Everything ambient the core may use: time and randomness. `log`, `election` and `bus` take one of these and never
 * touch `Date`, `setTimeout` or `Math.random`, so a whole cluster runs, seeded and in virtual time, inside one test.
 */
export interface Runtime {
  /** Wall clock, milliseconds since 1970-01-01T00:00:00Z. May jump either way: never measure durations with it. */
  now(): number;
  /** Milliseconds (fractional) on a clock that never goes back. Only differences mean anything. */
  monotonic(): number;
  /** Runs `fire` once, `delayMs` milliseconds from now at the earliest. The timer does not keep the process alive. */
  setTimer(delayMs: number, fire: () => void): Timer;
  /** Uniform in [0, 1). Not for secrets. */
  random(): number;
  /** `count` random bytes; cryptographically strong on the system runtime. */
  randomBytes(count: number): Uint8Array;
}

/** The real clock, timers and randomness of this process. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs, fire) {
    const handle = setTimeout(fire, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  random: () => Math.random(),
  randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
};

/**
 * Resolves after `delayMs` milliseconds of `runtime` time.
 * Rejects with the signal's reason as soon as `signal` is aborted.
 */
export function sleep(runtime: Runtime, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = runtime.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Waits for `work`, but no longer than `withinMs`; the work itself goes on. Rejects as `work` does, if it does in time. */
export async function waitAtMost(runtime: Runtime, withinMs: number, work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = runtime.setTimer(withinMs, late.resolve);
  try {
    await Promise.race([work, late.promise]);
  } finally {
    timer.cancel();
  }
}

/** A random (version 4) UUID in its canonical 36-character lower-case form. */
export function randomUuid(runtime: Runtime): string {
  const bytes = runtime.randomBytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
