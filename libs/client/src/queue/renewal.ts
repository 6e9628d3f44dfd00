import type { Runtime, Timer } from '@message-vault/runtime';
import { isVaultClientError, VaultClientError } from '../errors.ts';
import type { MessageLock } from './lock.ts';

/** A lock that is kept for as long as somebody works on its message. */
export interface Renewal {
  /** Fires with a `lock_lost` error when the lock is lost. */
  readonly signal: AbortSignal;
  /** Ends the renewing, and answers why the lock was lost, if it was. */
  stop(): Promise<VaultClientError | undefined>;
}

/** Of what remains of the lock, the part after which it is renewed: two more tries have room behind it. */
const RENEW_AFTER = 1 / 3;
const MIN_PAUSE_MS = 50;

/** Renews `lock` again and again. Its loss is known at the latest when its time is up by this process' own clock. */
export function keepLocked(runtime: Runtime, lock: MessageLock): Renewal {
  const lost = new AbortController();
  let stopped = false;
  let timer: Timer | undefined;
  let running: Promise<void> | undefined;

  const lose = (why: string, cause?: unknown): void => {
    if (lost.signal.aborted || stopped) return;
    lost.abort(new VaultClientError('lock_lost', `the lock was lost: ${why}`, { cause }));
  };
  const watch = (): void => {
    timer = runtime.setTimer(Math.max(MIN_PAUSE_MS, lock.remainingMs * RENEW_AFTER), () => {
      running = renew();
    });
  };
  const renew = async (): Promise<void> => {
    const timeUp = new AbortController();
    const deadline = runtime.setTimer(Math.max(0, lock.remainingMs), () => timeUp.abort());
    try {
      // Not broken off when the work ends: it would go on at the node, and get in the way of what settles the message.
      await lock.renew({ signal: timeUp.signal });
      if (!stopped && !lock.settled) watch();
    } catch (error) {
      if (stopped || lock.settled) return;
      if (isVaultClientError(error, 'lock_lost'))
        lose('its time was up, or somebody settled the message', error);
      else if (lock.remainingMs <= 0) lose('it could not be renewed in time', error);
      // There is time left for another try.
      else watch();
    } finally {
      deadline.cancel();
    }
  };
  watch();
  return {
    signal: lost.signal,
    async stop() {
      timer?.cancel();
      stopped = true;
      await running;
      const reason: unknown = lost.signal.reason;
      return reason instanceof VaultClientError ? reason : undefined;
    },
  };
}
