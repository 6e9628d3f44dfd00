import { randomUUID } from 'node:crypto';
import type { Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { PROBLEM_TYPE, problemBody, problemHeaders } from './answer.ts';
import { type HttpContext, vaultHeaders } from './exchange.ts';
import { HttpProblem, PROBLEMS, type ProblemCode } from './problems.ts';

/** What Node's parser calls it, and what we do. Anything else it refuses is a bad request. */
const PARSER_PROBLEMS: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

const NO_PROXY = 'CONNECT is for proxies, and this is none';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'];

/** Requests that never become one, because the parser refuses them, are answered with a problem like all others. */
export function answerBrokenRequests(server: Server, context: HttpContext): void {
  const answering = new WeakMap<Duplex, ServerResponse>();
  for (const event of ['request', 'checkContinue', 'checkExpectation'] as const) {
    server.prependListener(event, (req, res) => answering.set(req.socket, res));
  }
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const answer = answering.get(socket);
    // Nobody listens any more, or what is under way on this connection can't be interrupted by another answer.
    const interrupts = answer?.headersSent === true && !answer.writableFinished;
    if (error.code === 'ECONNRESET' || !socket.writable || interrupts) {
      socket.destroy();
      return;
    }
    socket.end(rawAnswer(context, problemOfParser(context, error)));
  });
  // Node gives a CONNECT to nobody else, and would close the connection without a word.
  server.on('connect', (_req, socket) => {
    socket.on('error', () => socket.destroy());
    if (answering.get(socket)?.writableFinished === false) socket.destroy();
    else
      socket.end(rawAnswer(context, new HttpProblem('method_not_allowed', NO_PROXY, { allowed: METHODS })));
  });
}

function problemOfParser(context: HttpContext, error: NodeJS.ErrnoException): HttpProblem {
  const code = PARSER_PROBLEMS[error.code ?? ''] ?? 'bad_request';
  const { maxHeaderBytes, headersTimeoutMs } = context.options.limits.http;
  if (code === 'headers_too_large') {
    const detail = `the request line and headers together may have ${maxHeaderBytes} bytes`;
    return new HttpProblem(code, detail, { limit: maxHeaderBytes });
  }
  if (code === 'request_timeout') {
    return new HttpProblem(code, `the headers were not complete after ${headersTimeoutMs} ms`);
  }
  return new HttpProblem(code, 'this is not HTTP/1.1 as the parser understands it');
}

function rawAnswer(context: HttpContext, problem: HttpProblem): string {
  const requestId = randomUUID();
  const body = problemBody(problem, { instance: '/', requestId });
  const { status, title } = PROBLEMS[problem.code];
  const headers = [
    ...vaultHeaders(context.ports.status()),
    ['X-Request-Id', requestId],
    ...problemHeaders(problem),
    ['Content-Type', PROBLEM_TYPE],
    ['Content-Length', String(Buffer.byteLength(body))],
    ['Connection', 'close'],
  ];
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  return `HTTP/1.1 ${status} ${title}\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}
