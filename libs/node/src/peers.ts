import { Readable } from 'node:stream';
import type { ClusterHint, ProbePort, ProbeResult, WitnessAnswer } from '@message-vault/election';
import { type ForwardAnswer, ForwardError, type ForwardRequest } from '@message-vault/http';
import { codeOf, messageOf } from '@message-vault/runtime';
import { Agent, errors, request } from 'undici';
import { z } from 'zod';
import { wholeBody } from './whole-body.ts';

/** Answers of other nodes to probes and hints are a few hundred bytes. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** A forwarded publish may wait behind a slow commit; the writer itself gives up first. */
const FORWARD_TIMEOUT_MS = 60_000;
/** Connections this node opens to one other node. */
const MAX_CONNECTIONS_PER_NODE = 128;

const healthSchema = z.object({
  nodeId: z.string().optional(),
  instanceId: z.string().optional(),
  role: z
    .enum(['starting', 'standby', 'leading', 'draining', 'fenced', 'stopped'])
    .optional()
    .catch(undefined),
  epoch: z.int().optional(),
  since: z.int().optional(),
  reason: z.string().optional(),
});

const witnessSchema = z.object({ reachable: z.boolean() });

/** The other nodes, over HTTP. */
export interface Peers extends ProbePort {
  /** Sends a request on to the node at `url`. Throws ForwardError. */
  forward(url: string, request: ForwardRequest): Promise<ForwardAnswer>;
  close(): Promise<void>;
}

/** Peers reached with undici over kept-alive connections; probes have some of their own, so that no load delays them. */
export function undiciPeers(): Peers {
  const probes = new Agent({
    connections: 4,
    pipelining: 1,
    keepAliveTimeout: 10_000,
    connect: { timeout: 1000 },
  });
  const traffic = new Agent({
    connections: MAX_CONNECTIONS_PER_NODE,
    pipelining: 1,
    connect: { timeout: 2000 },
    headersTimeout: FORWARD_TIMEOUT_MS,
    bodyTimeout: FORWARD_TIMEOUT_MS,
  });
  // Each of these keeps its connection for itself, for hours: others must not wait behind them. As many as clients there are.
  const lasting = new Agent({ pipelining: 1, connect: { timeout: 2000 }, bodyTimeout: 0 });
  return {
    probe: (url, timeoutMs) => probe(probes, url, timeoutMs),
    askWitness: (witnessUrl, leaderUrl, timeoutMs) => askWitness(probes, witnessUrl, leaderUrl, timeoutMs),
    notify: (url, hint, timeoutMs) => notify(probes, url, hint, timeoutMs),
    forward: (url, forwarded) => forward(forwarded.lasting === undefined ? traffic : lasting, url, forwarded),
    async close() {
      await Promise.all([probes.destroy(), traffic.destroy(), lasting.destroy()]);
    },
  };
}

async function probe(agent: Agent, url: string, timeoutMs: number): Promise<ProbeResult> {
  try {
    const { status, json } = await fetchJson(agent, `${url}/-/health/ready`, { timeoutMs });
    const health = healthSchema.safeParse(json);
    if (!health.success) return { ok: false, failure: 'broken', reason: 'the answer is not that of a node' };
    return { ...health.data, ok: status === 200 };
  } catch (error) {
    return { ok: false, failure: failureOf(error), reason: messageOf(error) };
  }
}

async function askWitness(
  agent: Agent,
  witnessUrl: string,
  leaderUrl: string,
  timeoutMs: number,
): Promise<WitnessAnswer> {
  try {
    // The witness needs its own time to try; what is on top of it is for the way there and back.
    const query = new URLSearchParams({ url: leaderUrl });
    const { status, json } = await fetchJson(agent, `${witnessUrl}/-/cluster/witness?${query}`, {
      timeoutMs: timeoutMs + 100,
    });
    const answer = witnessSchema.safeParse(json);
    if (status !== 200 || !answer.success) return 'no_answer';
    return answer.data.reachable ? 'reachable' : 'unreachable';
  } catch {
    return 'no_answer'; // The port's contract: whatever goes wrong is an answer.
  }
}

async function notify(agent: Agent, url: string, hint: ClusterHint, timeoutMs: number): Promise<boolean> {
  try {
    const { status } = await fetchJson(agent, `${url}/-/cluster/hint`, { timeoutMs, post: hint });
    return status === 200;
  } catch {
    return false; // As above: a hint that was not taken is just that.
  }
}

async function fetchJson(
  agent: Agent,
  url: string,
  options: { timeoutMs: number; post?: unknown },
): Promise<{ status: number; json: unknown }> {
  const { statusCode, body } = await request(url, {
    dispatcher: agent,
    method: options.post === undefined ? 'GET' : 'POST',
    headers: {
      accept: 'application/json',
      ...(options.post === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: options.post === undefined ? null : JSON.stringify(options.post),
    signal: AbortSignal.timeout(options.timeoutMs),
  });
  const bytes = await wholeBody(body, MAX_ANSWER_BYTES);
  return { status: statusCode, json: parseJson(bytes.toString('utf8')) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not an answer of a node; the schemas above refuse it.
  }
}

function failureOf(error: unknown): 'refused' | 'timeout' | 'broken' {
  if (codeOf(error) === 'ECONNREFUSED') return 'refused';
  const timedOut =
    error instanceof errors.ConnectTimeoutError || (error instanceof Error && error.name === 'TimeoutError');
  return timedOut ? 'timeout' : 'broken';
}

/** Connection errors that come before a single byte of the request has left. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT',
]);

async function forward(agent: Agent, url: string, forwarded: ForwardRequest): Promise<ForwardAnswer> {
  try {
    const answer = await request(`${url}${forwarded.path}`, {
      dispatcher: agent,
      method: forwarded.method,
      headers: forwarded.headers,
      body: forwarded.body instanceof Uint8Array ? forwarded.body : Readable.from(forwarded.body),
      signal: forwarded.signal,
      headersTimeout: forwarded.lasting?.headersTimeoutMs ?? FORWARD_TIMEOUT_MS,
    });
    return { status: answer.statusCode, headers: answer.headers, body: answer.body };
  } catch (cause) {
    const code = codeOf(cause);
    if (code !== undefined && NEVER_SENT.has(code)) {
      throw new ForwardError('leader_unreachable', `the leader at ${url} can't be reached`, { cause });
    }
    throw new ForwardError('outcome_unknown', `the leader at ${url} did not answer`, { cause });
  }
}
