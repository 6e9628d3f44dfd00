import { NetError, type NetRequest, type NetResponse } from '../network/exchange.ts';
import type { Network } from '../network/network.ts';
import type { SimProcess } from '../world/process.ts';

/** What came of one request: an answer, or none, in which case it may have been done. */
export type Answer = NetResponse | { readonly status: 'unknown' | 'not sent' };

const TIMEOUT_MS = 4000;

/** Asks a node, once. */
export async function ask(
  network: Network,
  from: SimProcess,
  url: string,
  request: Pick<NetRequest, 'method' | 'path'> & { readonly json?: unknown },
): Promise<Answer> {
  const { method, path, json } = request;
  const body = json === undefined ? undefined : Buffer.from(JSON.stringify(json));
  try {
    return await network.send(from, url, { method, path, headers: {}, body }, { timeoutMs: TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return { status: error.sent ? 'unknown' : 'not sent' };
  }
}

/** Members of the JSON in an answer; none when there is no answer. */
export function membersOf(answer: Answer): Readonly<Record<string, unknown>> {
  if (!('body' in answer) || answer.body.length === 0) return {};
  const value: unknown = JSON.parse(Buffer.from(answer.body).toString('utf8'));
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
