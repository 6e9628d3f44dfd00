import {
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportResponse,
} from '@message-vault/client';
import { NetError } from '../network/exchange.ts';
import type { Network } from '../network/network.ts';
import type { SimProcess } from '../world/process.ts';

/** The client's door to the simulated network. */
export function simulatedTransport(network: Network, process: SimProcess): Transport {
  return {
    async send(request) {
      const { url, method, path, headers, body, lane, stallTimeoutMs: timeoutMs, signal } = request;
      const wire = { method, path, headers, body };
      try {
        const response = await network.send(process, url, wire, {
          timeoutMs,
          signal,
          lane: lane === undefined ? undefined : `${url} ${lane}`,
        });
        return bounded(request, response);
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        throw new TransportError(error.code, error.message, { sent: error.sent, cause: error });
      }
    },
    close: async () => {},
  };
}

function bounded(request: TransportRequest, response: TransportResponse): TransportResponse {
  if (response.body.length <= request.maxResponseBytes) return response;
  throw new TransportError('too_large', `an answer of ${response.body.length} bytes`, { sent: true });
}
