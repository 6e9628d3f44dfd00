import type { IncomingMessage, ServerResponse } from 'node:http';
import { EVENT_STREAM } from '../read/formats.ts';

/** After a broken connection a browser waits this long before it comes back. */
const RECONNECT_MS = 1000;

/** Says nothing: so that nobody in between takes the connection for dead. */
export const HEARTBEAT = ':\n\n';

/** The head of server-sent events. */
export function writeEventHead(res: ServerResponse): void {
  res.writeHead(200, {
    'Content-Type': EVENT_STREAM,
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
  });
}

/** Begins a stream of them; `about` is for people. */
export function beginEvents(res: ServerResponse, about: string): void {
  writeEventHead(res);
  res.write(`: ${about}\nretry: ${RECONNECT_MS}\n\n`);
}

/** Up to where a browser that comes back by itself has got; it counts more than what it asked for at first. */
export function lastEventId({ headers }: IncomingMessage): string | undefined {
  const id = headers['last-event-id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
}
