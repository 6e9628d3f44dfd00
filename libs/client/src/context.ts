import type { ClientContext } from './exchange.ts';
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
    onRetry: options.onRetry ?? (() => {}),
  };
}
