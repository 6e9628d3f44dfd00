import { Listeners } from './listeners.ts';
import type { GrowthListener, Wakeup, WakeupLogger } from './wakeup.ts';

/** Wake-ups within this process. Listeners are called before `announce` returns. */
export function inProcessWakeup(options: { logger: WakeupLogger }): Wakeup {
  const listeners = new Listeners(options.logger);
  let closed = false;
  let announced = 0;
  return {
    announce(streamId, tailPage, commit) {
      if (closed) return;
      announced += 1;
      listeners.tell(streamId, tailPage, commit);
    },
    subscribe(streamId, listener) {
      if (closed) return () => {};
      // A function of its own per subscription: the same listener may be given twice and is then called twice.
      const own: GrowthListener = (tailPage, commit) => listener(tailPage, commit);
      listeners.add(streamId, own);
      return () => void listeners.remove(streamId, own);
    },
    get stats() {
      return { connected: false, announced, sent: 0, dropped: 0, received: 0, ignored: 0 };
    },
    async close() {
      closed = true;
      listeners.clear();
    },
  };
}
