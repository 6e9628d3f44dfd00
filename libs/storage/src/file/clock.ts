/** The machine's clocks, which all processes that open the folder share. */
export interface FileClock {
  /** Milliseconds since 1970: of messages' times, and of when segments were changed. */
  now(): number;
  /** Milliseconds that never go back: of leases. */
  monotonic(): number;
}

/** Unlike `performance.now()` it begins with the machine, not with the thread. */
export const hostClock: FileClock = {
  now: Date.now,
  monotonic: () => Number(process.hrtime.bigint() / 1_000_000n),
};
