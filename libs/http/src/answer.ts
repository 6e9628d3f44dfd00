import type { ServerResponse } from 'node:http';
import { traceIdOf } from '@message-vault/telemetry';
import type { Exchange, HttpContext } from './exchange.ts';
import { HttpProblem, PROBLEMS, problemOf } from './problems.ts';

export const PROBLEM_TYPE = 'application/problem+json';

/** The body of a problem (RFC 9457). `retryAfter` and its like, and `more`, stand beside the standard members. */
export function problemBody(
  problem: HttpProblem,
  about: { instance: string; requestId: string; more?: Readonly<Record<string, unknown>> | undefined },
): string {
  const { status, title } = PROBLEMS[problem.code];
  return JSON.stringify({
    type: `urn:message-vault:problem:${problem.code}`,
    title,
    status,
    code: problem.code,
    detail: problem.message,
    instance: about.instance,
    requestId: about.requestId,
    ...problem.recovery,
    ...about.more,
  });
}

/** Headers a problem has besides its media type. */
export function problemHeaders(problem: HttpProblem): [name: string, value: string][] {
  const { retryAfter, allowed } = problem.recovery;
  const headers: [string, string][] = [];
  if (retryAfter !== undefined) headers.push(['Retry-After', String(Math.max(1, Math.ceil(retryAfter)))]);
  if (problem.code === 'method_not_allowed') headers.push(['Allow', (allowed ?? []).join(', ')]);
  return headers;
}

/** A whole answer; to HEAD, all of it but the body. */
export function sendText({ req, res }: Exchange, status: number, contentType: string, body: string): void {
  res.statusCode = status;
  res.setHeader('Content-Type', contentType);
  res.setHeader('Content-Length', Buffer.byteLength(body));
  res.end(req.method === 'HEAD' ? undefined : body);
}

/** No cache keeps the answer unless its headers say so already: caches and CDNs keep what says nothing as they please. */
export function sendJson(exchange: Exchange, status: number, body: string): void {
  const { res } = exchange;
  if (!res.hasHeader('Cache-Control')) res.setHeader('Cache-Control', 'no-store');
  sendText(exchange, status, 'application/json', body);
}

/** 204. */
export function sendNothing(res: ServerResponse): void {
  res.statusCode = 204;
  res.end();
}

/** Answers with what went wrong. An answer that has begun can't be taken back: it is cut, so that it is not taken for whole. */
export function sendError(context: HttpContext, exchange: Exchange, error: unknown): void {
  const { res } = exchange;
  const problem = explain(context, exchange, error);
  if (res.destroyed || res.writableEnded) return;
  if (res.headersSent) {
    res.destroy();
    return;
  }
  sendProblem(exchange, problem);
}

/** Sends a problem as it is. Nothing of an answer may have gone out before. */
export function sendProblem(
  exchange: Exchange,
  problem: HttpProblem,
  more?: Readonly<Record<string, unknown>>,
): void {
  const { req, res, requestId } = exchange;
  const body = problemBody(problem, { instance: instanceOf(req.url), requestId, more });
  for (const stale of ['ETag', 'Next-Offset', 'Up-To-Date', 'Content-Length']) res.removeHeader(stale);
  // A cache may keep a 404 or 405 that says nothing: the name would seem to be none long after it was published to.
  res.setHeader('Cache-Control', 'no-store');
  for (const [name, value] of problemHeaders(problem)) res.setHeader(name, value);
  if (problem.code === 'request_timeout' || exchange.awaitsGoAhead) res.shouldKeepAlive = false;
  sendText(exchange, problem.status, PROBLEM_TYPE, body);
}

function explain(context: HttpContext, exchange: Exchange, error: unknown): HttpProblem {
  const { logger } = context.options;
  const problem = problemOf(error) ?? internal(error);
  const { requestId, route, req } = exchange;
  const told = { requestId, traceId: traceIdOf(req.headers.traceparent), route, code: problem.code };
  if (problem.status === 500) logger.error({ ...told, error: problem.cause ?? error }, 'a request failed');
  else logger.debug({ ...told, detail: problem.message }, 'a request was refused');
  return withLeader(context, problem);
}

function internal(cause: unknown): HttpProblem {
  return new HttpProblem(
    'internal_error',
    'the node has logged what happened under the request id',
    {},
    { cause },
  );
}

/** Who can't write here is told who can. */
function withLeader(context: HttpContext, problem: HttpProblem): HttpProblem {
  if (problem.status !== 503) return problem;
  const leader = context.ports.status().leader?.url;
  if (leader === undefined || problem.recovery.leader !== undefined) return problem;
  return new HttpProblem(
    problem.code,
    problem.message,
    { ...problem.recovery, leader },
    { cause: problem.cause },
  );
}

function instanceOf(url: string | undefined): string {
  const path = (url ?? '/').split('?', 1)[0] ?? '/';
  return path.slice(0, 1024);
}
