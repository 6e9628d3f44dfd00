/** What a dispatcher is told. All have defaults. */
export interface DispatcherSettings {
  /** The longest the progress of a router waits to be saved while things move. */
  readonly saveEveryMs: number;
  /** Bytes of messages on their way to subscribers, all routers together. */
  readonly maxBytesInFlight: number;
  /** Bytes of what was just read, kept for other subscribers that are about as far, all routers together. */
  readonly maxRecentBytes: number;
  /** Routers whose work is begun at once at the start of a term. */
  readonly openParallel: number;
  /** How long a term that ends waits for what is in flight before it is cut off. */
  readonly drainMs: number;
}

export const defaultDispatcherSettings: DispatcherSettings = Object.freeze({
  saveEveryMs: 300,
  maxBytesInFlight: 64 * 1024 * 1024,
  maxRecentBytes: 32 * 1024 * 1024,
  openParallel: 16,
  drainMs: 500,
});
