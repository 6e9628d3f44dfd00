/** One Ctrl-C may arrive more than once: from the terminal, and again from npm or its shell, which pass it on. */
const IMPATIENT_AFTER_MS = 1_500;

export interface StopSignals {
  readonly asked: AbortSignal;
  /** Settles with the first signal. */
  readonly first: Promise<void>;
  /** `act` is called for a signal that came so long after the first that it must be meant as another one. */
  onImpatience(act: () => void): void;
}

/** Ctrl-C, a closed terminal or SIGTERM. `now`: milliseconds of a clock that only goes forward. */
export function stopSignals(
  source: Pick<NodeJS.EventEmitter, 'on'> = process,
  now: () => number = () => performance.now(),
): StopSignals {
  const controller = new AbortController();
  const { promise: first, resolve } = Promise.withResolvers<void>();
  let firstAt: number | undefined;
  let impatience = (): void => {};
  const heard = (): void => {
    if (firstAt !== undefined && now() - firstAt >= IMPATIENT_AFTER_MS) impatience();
    firstAt ??= now();
    controller.abort();
    resolve();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) source.on(signal, heard);
  return {
    asked: controller.signal,
    first,
    onImpatience(act) {
      impatience = act;
    },
  };
}
