import type { ClientContext, RetryNotice } from './exchange.ts';
import { NodeDirectory } from './nodes.ts';
import type { ClientOptions, ResolvedOptions } from './options.ts';
import { processRuntime } from './process-runtime.ts';
import { Pulse } from './pulse.ts';
import { undiciTransport } from './undici-transport.ts';

const MAX_CONNECTIONS_PER_NODE = 256;
const CONNECT_TIMEOUT_MS = 1000;

/** The real network, clock and randomness where the options name no others. */
export function contextOf(options: ClientOptions, settings: ResolvedOptions): ClientContext {
  const runtime = options.runtime ?? processRuntime;
  const transport =
    options.transport ??
    undiciTransport({
      maxConnectionsPerNode: MAX_CONNECTIONS_PER_NODE,
      // Streams that share a connection each have their own window.
      pipelining: 4 * settings.maxInFlight,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    });
  const { urls, headers, followLeader } = settings;
  return {
    runtime,
    transport,
    pulse: new Pulse({ runtime, transport, headers }),
    nodes: new NodeDirectory({ runtime, urls, followLeader }),
    headers,
    attemptTimeoutMs: settings.attemptTimeoutMs,
    backoff: { initialMs: settings.backoffInitialMs, maxMs: settings.backoffMaxMs },
    onRetry: (notice) => tellOfRetry(options, notice),
  };
}

/** What the program does with the news is its own affair: its failure must not stop what is tried again. */
function tellOfRetry({ onRetry }: ClientOptions, notice: RetryNotice): void {
  try {
    const told: unknown = onRetry?.(notice);
    if (told instanceof Promise) told.catch(() => {});
  } catch {
    // Nobody here could do anything about it.
  }
}
