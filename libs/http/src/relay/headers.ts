import { type HeaderList, headersOfOneHop } from '@message-vault/relay-protocol';
import type { Exchange, HttpContext } from '../exchange.ts';
import { FORWARDED } from '../forward.ts';
import { HttpProblem } from '../problems.ts';

/** Said by the nodes themselves; a listener's own would be lies. */
const OURS = /^(vault-.*|x-request-id)$/;
const FORWARDING = /^x-forwarded-(for|host|proto|prefix)$/;

/**
 * Where a request came from, for the listener: the chain of addresses, and host and scheme as the client used them. The
 * first node a request comes to says so, or the proxy it trusts; the nodes after it only add to the chain.
 */
export function forwardingHeaders(
  { options }: HttpContext,
  { req }: Exchange,
  name: string,
): Record<string, string> {
  const { headers, socket } = req;
  const believed = headers[FORWARDED] !== undefined || options.trustForwardedProto === true;
  const secure = 'encrypted' in socket && socket.encrypted === true;
  const given = (header: string): string | undefined => (believed ? single(headers[header]) : undefined);
  const chain = [single(headers['x-forwarded-for']), socket.remoteAddress];
  return {
    'x-forwarded-for': chain.filter((address) => address !== undefined).join(', '),
    'x-forwarded-host': given('x-forwarded-host') ?? headers.host ?? '',
    'x-forwarded-proto': given('x-forwarded-proto') ?? (secure ? 'https' : 'http'),
    'x-forwarded-prefix': `/${name}/-/relay`,
  };
}

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.join(', ');
}

/**
 * The headers the listener gets: all there were, in their order, but for those of this connection. Credentials are for the
 * vault where it asks for them, and none of the listener's business.
 */
export function requestHeaders(context: HttpContext, exchange: Exchange, name: string): HeaderList {
  const { req, requestId } = exchange;
  const dropped = headersOfOneHop(req.headers.connection);
  dropped.add(FORWARDED).add('x-request-id');
  if (context.options.authorize !== undefined) dropped.add('authorization');
  const kept = pairs(req.rawHeaders).filter(([header]) => {
    const name = header.toLowerCase();
    return !dropped.has(name) && !FORWARDING.test(name);
  });
  const added = Object.entries(forwardingHeaders(context, exchange, name));
  return [...kept, ...added, ['x-request-id', requestId]];
}

/** Puts the headers of a listener's answer on the client's. Throws HttpProblem `relay_failed` for a length that is none. */
export function copyAnswerHeaders(exchange: Exchange, headers: HeaderList): void {
  const connection = headers.filter(([header]) => header.toLowerCase() === 'connection');
  const dropped = headersOfOneHop(connection.map(([, value]) => value).join(','));
  for (const [header, value] of headers) {
    const name = header.toLowerCase();
    if (dropped.has(name) || OURS.test(name)) continue;
    if (name === 'content-length') copyLength(exchange, value);
    else exchange.res.appendHeader(header, value);
  }
}

/** An answer that is longer than it says would be taken for the next answer on the same connection. */
function copyLength({ res }: Exchange, value: string): void {
  // HTTP has none with 204, which has no body: a proxy that believed it would wait for one.
  if (res.statusCode === 204) return;
  const known = res.getHeader('content-length');
  if (!/^\d{1,15}$/.test(value) || (known !== undefined && known !== value))
    throw new HttpProblem('relay_failed', 'the listener answered with a Content-Length that is none');
  res.setHeader('Content-Length', value);
  res.strictContentLength = true;
}

function pairs(raw: readonly string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) list.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return list;
}
