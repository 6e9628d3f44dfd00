import type { Runtime } from '@message-vault/runtime';
import { isMembers, optionalNumber, optionalString, parseProblem } from './answers.ts';
import type { Problem } from './errors.ts';
import type { NodeDirectory } from './nodes.ts';
import type { Pulse } from './pulse.ts';
import {
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';

/** A call on the cluster that has to be repeated; for logs. */
export interface RetryNotice {
  readonly operation: string;
  readonly url: string;
  /** Milliseconds until the next try. */
  readonly delayMs: number;
  readonly reason: string;
}

/** What every part of the client works with. */
export interface ClientContext {
  readonly runtime: Runtime;
  readonly transport: Transport;
  readonly nodes: NodeDirectory;
  readonly pulse: Pulse;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly attemptTimeoutMs: number;
  readonly backoff: { readonly initialMs: number; readonly maxMs: number };
  /** Never throws. */
  readonly onRetry: (notice: RetryNotice) => void;
}

export type ExchangeRequest = Omit<TransportRequest, 'headers'> & {
  readonly headers?: Readonly<Record<string, string>>;
};

export type Exchanged =
  | { readonly kind: 'answer'; readonly response: TransportResponse; readonly problem: Problem | undefined }
  | { readonly kind: 'failure'; readonly error: TransportError };

/** Sends one request once, and lets the directory learn from what comes of it. Never rejects. */
export async function exchange(context: ClientContext, request: ExchangeRequest): Promise<Exchanged> {
  const { nodes } = context;
  try {
    const response = await context.transport.send({
      ...request,
      headers: { ...context.headers, ...request.headers },
    });
    nodes.reached(request.url);
    const problem = response.status >= 400 ? parseProblem(response) : undefined;
    learnLeader(nodes, response, problem);
    return { kind: 'answer', response, problem };
  } catch (cause) {
    const error = toTransportError(cause);
    if (error.code !== 'aborted' && error.code !== 'closed' && error.code !== 'too_large')
      nodes.failed(request.url);
    return { kind: 'failure', error };
  }
}

/** A transport that breaks its word must not bring down who publishes: nothing is known of such a request. */
function toTransportError(cause: unknown): TransportError {
  if (cause instanceof TransportError) return cause;
  return new TransportError('lost', `the transport failed: ${String(cause)}`, { sent: true, cause });
}

/** Every answer names the leader and its epoch in headers; a problem of kind `not_leader` names it in its body too. */
function learnLeader(nodes: NodeDirectory, response: TransportResponse, problem: Problem | undefined): void {
  const leader = problem?.leader;
  if (isMembers(leader))
    nodes.learnLeader(optionalString(leader, 'url') ?? '', optionalNumber(leader, 'epoch') ?? Number.NaN);
  const epoch = Number(response.headers['vault-epoch'] || Number.NaN);
  nodes.learnLeader(response.headers['vault-leader'] ?? '', epoch);
  if (typeof leader === 'string') nodes.learnLeader(leader, epoch);
}
