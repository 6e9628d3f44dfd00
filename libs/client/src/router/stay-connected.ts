import { pause } from '../ask.ts';
import { Backoff } from '../backoff.ts';
import { isVaultClientError } from '../errors.ts';
import type { ClientContext } from '../exchange.ts';

/** One connection to a node, until it is of no use any more. Tells when it is open. */
export type Connect = (url: string, onOpen: () => void) => Promise<void>;

export interface StayConnectedOptions {
  /** For notices of what has to be tried again. */
  readonly operation: string;
  /** How long a first connection is tried for. */
  readonly giveUpAfterMs: number;
  readonly signal: AbortSignal;
}

const RECONNECT = { initialMs: 50, maxMs: 2000 };

/**
 * One connection after the other, until the signal fires. Errors: those of `connect`; `unavailable` only when there was
 * no connection in time.
 */
export async function stayConnected(
  context: ClientContext,
  { operation, giveUpAfterMs, signal }: StayConnectedOptions,
  connect: Connect,
): Promise<void> {
  const { nodes, runtime } = context;
  const backoff = new Backoff(runtime, RECONNECT);
  const startedAt = runtime.monotonic();
  let patienceMs = giveUpAfterMs;
  const onOpen = (): void => {
    backoff.reset();
    // Once it has been connected, an outage is something to wait for.
    patienceMs = Number.POSITIVE_INFINITY;
  };
  while (!signal.aborted) {
    const url = nodes.writeTarget();
    try {
      await connect(url, onOpen);
    } catch (error) {
      if (!isVaultClientError(error, 'unavailable')) throw error;
      nodes.failed(url);
      if (runtime.monotonic() - startedAt >= patienceMs) throw error;
      const delayMs = backoff.nextDelayMs();
      context.onRetry({ operation, url, delayMs, reason: error.message });
      await pause(context, delayMs, signal);
    }
  }
}
