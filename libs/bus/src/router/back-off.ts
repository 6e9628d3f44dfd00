/** Times between the tries of one delivery. */
export interface BackOffSettings {
  /** Before the second try, at most. */
  readonly firstMs: number;
  /** The longest pause there is. */
  readonly maxMs: number;
  /** The longest pause a subscriber can ask for by Retry-After. */
  readonly maxAskedMs: number;
}

const defaultBackOff: BackOffSettings = Object.freeze({
  firstMs: 500,
  maxMs: 60_000,
  maxAskedMs: 3_600_000,
});

/**
 * Milliseconds to wait after the `failures`th failure in a row (from 1): twice as long each time up to a bound, and of
 * that a random part between half and all, so that many that failed together don't come back together. What the
 * subscriber asked for is waited in full. `random` is uniform in [0, 1).
 */
export function backOffMs(
  failures: number,
  random: number,
  options: { settings?: BackOffSettings; askedMs?: number | undefined } = {},
): number {
  const { settings = defaultBackOff, askedMs = 0 } = options;
  const full = Math.min(settings.maxMs, settings.firstMs * 2 ** Math.min(failures - 1, 30));
  const jittered = full * (0.5 + random / 2);
  return Math.round(Math.max(jittered, Math.min(askedMs, settings.maxAskedMs)));
}
