import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NameDocument } from '@message-vault/metadata';
import type { Places } from './listener/places.ts';
import type { AccessQuestion, HttpOptions } from './options.ts';
import type { NodePorts, NodeStatus } from './ports.ts';
import type { PieceBuffers } from './read/piece-buffers.ts';
import type { ReadBudget } from './read/read-budget.ts';
import type { Target } from './target.ts';
import { boundUnreadBody } from './unread-body.ts';

/** What all handlers share. */
export interface HttpContext {
  readonly ports: NodePorts;
  readonly options: HttpOptions;
  readonly closing: Closing;
  /** What all running reads hold. */
  readonly reads: ReadBudget;
  /** On their way to clients. */
  readonly pieces: PieceBuffers;
  /** Those of connected listeners of routers. */
  readonly listeners: Places;
}

/** The end of the server: waits are cut short, event streams are let go. */
export class Closing {
  readonly #waits = new Set<AbortController>();
  #begun = false;

  get begun(): boolean {
    return this.#begun;
  }

  begin(): void {
    this.#begun = true;
    for (const wait of this.#waits) wait.abort();
  }

  /** Aborts `wait` when the server is being closed, until it is forgotten. */
  track(wait: AbortController): void {
    this.#waits.add(wait);
    if (this.#begun) wait.abort();
  }

  forget(wait: AbortController): void {
    this.#waits.delete(wait);
  }
}

/** One request and its answer. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly requestId: string;
  /** True when the client waits for a go-ahead (`Expect: 100-continue`) that was not given yet. */
  awaitsGoAhead: boolean;
  /** For metrics: one of a fixed set. */
  route: string;
  /** Stays open by design, so its duration says nothing. */
  longLived: boolean;
}

const SANE_REQUEST_ID = /^[A-Za-z0-9._:/+=@-]{1,128}$/;
const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);

/** Headers of every answer that tell who gave it and who leads. */
export function vaultHeaders(status: NodeStatus): [name: string, value: string][] {
  return [
    ['Vault-Node', status.nodeId],
    ['Vault-Role', status.role],
    ['Vault-Epoch', String(status.epoch)],
    ['Vault-Leader', status.leader?.url ?? 'none'],
  ];
}

/** The client's own request id if it is harmless, a new one otherwise. */
function requestIdOf(req: IncomingMessage): string {
  const given = req.headers['x-request-id'];
  return typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : randomUUID();
}

/** Puts the headers every answer carries on `res`, bounds what may come after it, and begins to measure. */
export function openExchange(context: HttpContext, req: IncomingMessage, res: ServerResponse): Exchange {
  const exchange: Exchange = {
    req,
    res,
    requestId: requestIdOf(req),
    awaitsGoAhead: false,
    route: 'unknown',
    longLived: false,
  };
  for (const [name, value] of vaultHeaders(context.ports.status())) res.setHeader(name, value);
  res.setHeader('X-Request-Id', exchange.requestId);
  if (context.closing.begun) res.shouldKeepAlive = false;
  boundUnreadBody(req, res, context.options.limits.http);
  measure(context, exchange);
  return exchange;
}

function measure(context: HttpContext, exchange: Exchange): void {
  const { metrics } = context.options;
  const startedAt = performance.now();
  const { req, res } = exchange;
  res.once('close', () => {
    const method = KNOWN_METHODS.has(req.method ?? '') ? (req.method ?? 'other') : 'other';
    const status = res.writableFinished ? String(res.statusCode) : 'client_gone';
    metrics.httpRequests.inc({ method, route: exchange.route, status });
    if (!exchange.longLived)
      metrics.httpSeconds.observe({ route: exchange.route }, (performance.now() - startedAt) / 1000);
  });
}

/** A signal that fires when the client has gone before its answer was complete, or the server is being closed. */
export function endSignal(context: HttpContext, exchange: Exchange): AbortSignal {
  const controller = abortWhenGone(exchange);
  context.closing.track(controller);
  exchange.res.once('close', () => context.closing.forget(controller));
  return controller.signal;
}

/** A signal that fires when the client has gone before its answer was complete. */
export function goneSignal(exchange: Exchange): AbortSignal {
  return abortWhenGone(exchange).signal;
}

function abortWhenGone({ res }: Exchange): AbortController {
  const controller = new AbortController();
  if (res.destroyed) controller.abort();
  res.once('close', () => {
    if (!res.writableFinished) controller.abort();
  });
  return controller;
}

/** What is known of a name, for whoever decides. */
export function accessOf(document: NameDocument | undefined): Pick<AccessQuestion, 'role' | 'policy'> {
  return { role: document?.role, policy: document?.policy };
}

/** Nothing happens without an `authorize` option; with one, it decides. */
export async function authorize(
  context: HttpContext,
  exchange: Exchange,
  question: Pick<AccessQuestion, 'action' | 'name' | 'role' | 'policy'>,
): Promise<void> {
  await context.options.authorize?.({
    ...question,
    headers: exchange.req.headers,
    remoteAddress: exchange.req.socket.remoteAddress,
  });
}

const exchanges = new WeakMap<IncomingMessage, { exchange: Exchange; target: Target }>();

/** Express hands its handlers the request only: what is known of it is kept beside it. */
export function rememberExchange(exchange: Exchange, target: Target): void {
  exchanges.set(exchange.req, { exchange, target });
}

export function exchangeOf(req: IncomingMessage): { exchange: Exchange; target: Target } {
  const known = exchanges.get(req);
  if (known === undefined) throw new Error('a request came in past the front door');
  return known;
}
