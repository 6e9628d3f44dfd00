import type { ProbeResult, WitnessAnswer } from '@message-vault/election';
import { ForwardError } from '@message-vault/http';
import type { BrokerOptions } from '@message-vault/node';
import { NetError, type NetRequest, type NetResponse } from '../network/exchange.ts';
import type { Network } from '../network/network.ts';
import type { SimProcess } from '../world/process.ts';

const FORWARD_TIMEOUT_MS = 60_000;

/** The other nodes over the simulated network: what `undiciPeers` is in a real node. */
export function simulatedPeers(network: Network, process: SimProcess): BrokerOptions['peers'] {
  const ask = (url: string, request: Partial<NetRequest> & { path: string }, timeoutMs: number) =>
    network.send(process, url, { method: 'GET', headers: {}, body: undefined, ...request }, { timeoutMs });
  return {
    async probe(url, timeoutMs) {
      try {
        const response = await ask(url, { path: '/-/health/ready' }, timeoutMs);
        return healthIn(response);
      } catch (error) {
        return { ok: false, failure: failureOf(error), reason: String(error) };
      }
    },
    async askWitness(witnessUrl, leaderUrl, timeoutMs): Promise<WitnessAnswer> {
      const query = new URLSearchParams({ url: leaderUrl, timeoutMs: String(timeoutMs) });
      const path = `/-/cluster/witness?${query}`;
      try {
        const response = await ask(witnessUrl, { path }, timeoutMs + 100);
        if (response.status !== 200) return 'no_answer';
        return membersOf(response).reachable === true ? 'reachable' : 'unreachable';
      } catch {
        return 'no_answer'; // The port's contract: whatever goes wrong is an answer.
      }
    },
    async notify(url, hint, timeoutMs) {
      const body = Buffer.from(JSON.stringify(hint));
      try {
        const response = await ask(url, { method: 'POST', path: '/-/cluster/hint', body }, timeoutMs);
        return response.status === 200;
      } catch {
        return false; // As above: a hint that was not taken is just that.
      }
    },
    async forward(url, { method, path, headers, body, signal }) {
      if (!(body instanceof Uint8Array)) throw new TypeError('bodies are whole in the simulation');
      const flat = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
      const request = { method, path, headers: flat, body };
      const answer = await network
        .send(process, url, request, { timeoutMs: FORWARD_TIMEOUT_MS, signal })
        .catch((cause: unknown) => {
          const code = cause instanceof NetError && !cause.sent ? 'leader_unreachable' : 'outcome_unknown';
          throw new ForwardError(code, `the leader at ${url} did not answer`, { cause });
        });
      return { ...answer, body: once(answer.body) };
    },
  };
}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}

function healthIn(response: NetResponse): ProbeResult {
  const { nodeId, instanceId, role, epoch, reason } = membersOf(response);
  return {
    ok: response.status === 200,
    nodeId: text(nodeId),
    instanceId: text(instanceId),
    role: roleOf(role),
    epoch: typeof epoch === 'number' ? epoch : undefined,
    reason: text(reason),
  };
}

const ROLES = ['starting', 'standby', 'leading', 'draining', 'fenced', 'stopped'] as const;

function roleOf(value: unknown): ProbeResult['role'] {
  return ROLES.find((role) => role === value);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function membersOf({ body }: NetResponse): Record<string, unknown> {
  const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function failureOf(error: unknown): 'refused' | 'timeout' | 'broken' {
  if (!(error instanceof NetError)) return 'broken';
  if (error.code === 'timeout') return 'timeout';
  return error.code === 'unreachable' ? 'refused' : 'broken';
}
