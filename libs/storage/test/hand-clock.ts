import { type Runtime, systemRuntime } from '@message-vault/runtime';

/** A runtime whose time stands still until it is moved; due timers then fire in order, each followed by what awaits it. */
export function handClock(): { runtime: Runtime; pass(ms: number): Promise<void> } {
  let now = 0;
  let timers: { at: number; fire: () => void }[] = [];
  const runtime: Runtime = {
    ...systemRuntime,
    now: () => now,
    monotonic: () => now,
    setTimer(delayMs, fire) {
      const timer = { at: now + delayMs, fire };
      timers.push(timer);
      const cancel = (): void => {
        timers = timers.filter((other) => other !== timer);
      };
      return { cancel };
    },
  };
  async function pass(ms: number): Promise<void> {
    const until = now + ms;
    for (;;) {
      await settled();
      const due = timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      timers = timers.filter((timer) => timer !== due);
      now = Math.max(now, due.at);
      due.fire();
    }
    now = until;
    await settled();
  }
  return { runtime, pass };
}

/** Lets every promise that can go on do so. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
