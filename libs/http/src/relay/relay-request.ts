import type { RelayAnswer } from '@message-vault/bus';
import type { ConnectionPointDocument } from '@message-vault/metadata';
import type { BodyLimits } from '../body.ts';
import { type Exchange, goneSignal, type HttpContext } from '../exchange.ts';
import { forward } from '../forward.ts';
import { ForwardError } from '../ports.ts';
import { HttpProblem } from '../problems.ts';
import { Sink } from '../read/sink.ts';
import { RELAYED } from '../relayed.ts';
import type { RoleRequest } from '../roles.ts';
import { encodeByte } from '../target.ts';
import { copyAnswerHeaders, forwardingHeaders, requestHeaders } from './headers.ts';

/** On top of what the leader waits for a listener, for the way there and back. */
const WAY_MS = 5000;
const NOT_RELAYED = new Set(['CONNECT', 'TRACE']);
/** An escape that is none, or NUL. */
const MALFORMED = /%(?![0-9a-f]{2})|%00/i;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Gives a request to a listener of the connection point, and its answer to the client; through the leader. */
export async function relayRequest(request: RoleRequest<ConnectionPointDocument>): Promise<void> {
  const { context, exchange, document } = request;
  const { method = 'GET' } = exchange.req;
  exchange.longLived = true;
  if (NOT_RELAYED.has(method))
    throw new HttpProblem('method_not_allowed', `${method} is not relayed`, { allowed: METHODS });
  const path = relayedPath(request);
  if (!context.ports.status().takesWrites) return await passOn(request);
  const answer = await context.ports.relay.request(document.name, {
    method,
    path,
    headers: requestHeaders(context, exchange, document.name),
    body: bodyOf(request),
    signal: goneSignal(exchange),
  });
  try {
    await sendAnswer(context, exchange, answer);
  } finally {
    answer.release();
  }
}

/** What the listener sees: what follows `/{name}/-/relay`, and the query. */
function relayedPath({ target, parameters }: RoleRequest): string {
  const { rest = '' } = parameters;
  if (MALFORMED.test(rest))
    throw new HttpProblem('bad_request', 'a relayed path is percent-encoded and has no NUL');
  // A service may take what is encoded for what separates, so nothing climbs by that either.
  const segments = rest.replace(/%2e/gi, '.').split(/\/|%2f|%5c/i);
  if (segments.some((segment) => segment === '.' || segment === '..'))
    throw new HttpProblem('bad_request', 'a relayed path has no segments "." and ".."');
  // What a parser lets pass in a query may still be nothing to put into a request line.
  return `/${rest}${target.query}`.replace(/[^\x21-\x7e]/g, encodeByte);
}

function bodyLimits({ options }: HttpContext): Partial<BodyLimits> {
  const { maxBodyBytes } = options.limits.relay;
  // How long the whole takes is the listener's to say, who reads it.
  return { maxBodyBytes, bodyTotalTimeoutMs: Number.POSITIVE_INFINITY };
}

function bodyOf({ context, exchange, bodies }: RoleRequest): AsyncIterable<Uint8Array> | undefined {
  const limits = bodyLimits(context);
  return bodies.declaredBytes(exchange, limits.maxBodyBytes) === 0
    ? undefined
    : bodies.stream(exchange, limits);
}

async function passOn({ context, exchange, target, bodies, document }: RoleRequest): Promise<void> {
  const { answerTimeoutMs, settleMs } = context.options.limits.relay;
  try {
    await forward(context, exchange, target.url, bodies, {
      bodyLimits: bodyLimits(context),
      headers: forwardingHeaders(context, exchange, document.name),
      lasting: { headersTimeoutMs: answerTimeoutMs + settleMs + WAY_MS },
    });
  } catch (error) {
    if (!(error instanceof ForwardError) || error.code !== 'outcome_unknown') throw error;
    const detail = 'the leader did not answer: a listener may have acted on the request, or not';
    throw new HttpProblem('relay_failed', detail, {}, { cause: error });
  }
}

async function sendAnswer(context: HttpContext, exchange: Exchange, answer: RelayAnswer): Promise<void> {
  const { req, res } = exchange;
  res.statusCode = answer.status;
  copyAnswerHeaders(exchange, answer.headers);
  res.setHeader(RELAYED, 'true');
  if (answer.body === undefined || req.method === 'HEAD') res.end();
  else await sendBody(context, exchange, answer.body);
}

/** The head goes out at once: whoever waits for events sees that it is connected. */
async function sendBody(
  context: HttpContext,
  { res }: Exchange,
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  res.flushHeaders();
  const sink = new Sink(res, context.options.limits.http.stalledConsumerMs);
  for await (const piece of body) {
    if (!sink.write(piece)) await sink.drained();
  }
  sink.end();
}
