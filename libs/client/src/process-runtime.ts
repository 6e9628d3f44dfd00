import { type Runtime, systemRuntime } from '@message-vault/runtime';

/**
 * The system runtime with timers that keep the process alive. A program that does nothing but await a publish must
 * not be ended by Node in the middle of a back-off, when no socket is open. The client sets timers only while a call
 * is under way, so nothing lingers.
 */
export const processRuntime: Runtime = {
  ...systemRuntime,
  setTimer(delayMs, fire) {
    const handle = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};
