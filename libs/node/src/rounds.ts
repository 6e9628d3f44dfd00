import { type Runtime, sleep } from '@message-vault/runtime';

export interface RoundsOptions {
  readonly runtime: Runtime;
  /** Pause between two rounds, milliseconds. */
  readonly everyMs: number;
  /** Pause before the first one, where it is another. */
  readonly firstAfterMs?: number;
  readonly stopped: AbortSignal;
  readonly round: () => Promise<void>;
  /** A round ended early; the next one is run all the same. What it throws is a bug. */
  readonly failed: (error: unknown) => void;
}

/** What a leader does now and then: one round after the other, until it is stopped. */
export async function inRounds(options: RoundsOptions): Promise<void> {
  const { runtime, everyMs, firstAfterMs = everyMs, stopped, round, failed } = options;
  for (let pauseMs = firstAfterMs; !stopped.aborted; pauseMs = everyMs) {
    await sleep(runtime, pauseMs, stopped).catch(() => undefined);
    if (!stopped.aborted) await round().catch(failed);
  }
}
