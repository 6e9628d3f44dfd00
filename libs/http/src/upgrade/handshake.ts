import type { IncomingMessage } from 'node:http';
import { HttpProblem } from '../problems.ts';

const KEY = /^[+/0-9A-Za-z]{22}==$/;
const VERSION = '13';

/** Throws HttpProblem `bad_header`, `method_not_allowed` for what is no WebSocket handshake (RFC 6455, 4.2.1). */
export function checkHandshake(req: IncomingMessage): void {
  if (req.method !== 'GET')
    throw new HttpProblem('method_not_allowed', 'a WebSocket begins with GET', { allowed: ['GET'] });
  const { 'sec-websocket-key': key, 'sec-websocket-version': version } = req.headers;
  if (version !== VERSION)
    throw new HttpProblem('bad_header', `Sec-WebSocket-Version: expected ${VERSION}, the only one there is`);
  if (typeof key !== 'string' || !KEY.test(key))
    throw new HttpProblem('bad_header', 'Sec-WebSocket-Key: expected 16 bytes in base64');
}

/**
 * A browser lets every page open a WebSocket to every host and read what comes, unlike all other requests: so pages of
 * other origins are refused. Who is no browser sends no Origin.
 */
export function checkOrigin(req: IncomingMessage): void {
  const { origin, host } = req.headers;
  if (origin === undefined || URL.parse(origin)?.host === host) return;
  throw new HttpProblem('forbidden', 'WebSockets of pages from another origin are refused');
}

/** The subprotocols the client would speak, in its order. */
export function offeredProtocols(req: IncomingMessage): string[] {
  const offered = req.headers['sec-websocket-protocol'] ?? '';
  return offered
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '');
}

/** Throws HttpProblem `bad_header` when the client does not speak it. */
export function checkProtocol(req: IncomingMessage, subprotocol: string, required: boolean): void {
  const offered = offeredProtocols(req);
  if (offered.includes(subprotocol) || (offered.length === 0 && !required)) return;
  throw new HttpProblem('bad_header', `Sec-WebSocket-Protocol: expected ${subprotocol}`);
}
