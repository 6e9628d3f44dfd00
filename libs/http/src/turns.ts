import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { FRAMED_BATCH } from './publish/media-type.ts';

/** Requests of one connection that wait for the answer before theirs; with one more, the connection is closed. */
const MAX_WAITING = 100;

interface Line {
  last: ServerResponse;
  waiting: number;
}

/**
 * Serves the requests of one connection one after the other. Node hands over all that a client sends without waiting for
 * answers (pipelining) at once; side by side, what was sent second could be stored first, and a read miss what was
 * published before it (RFC 9112, 9.3.2). Not so framed batches and what comes with a producer's numbers: the numbers say the
 * order, and who sends several that way wants them stored together.
 */
export function inTurn(listener: RequestListener): RequestListener {
  const lines = new WeakMap<Socket, Line>();
  return (req: IncomingMessage, res: ServerResponse) => {
    const line = lines.get(req.socket) ?? { last: res, waiting: 0 };
    lines.set(req.socket, line);
    const before = line.last;
    line.last = res;
    if (before === res) return listener(req, res);
    // The answer before ends the connection: no other will reach the client, so nothing more is done (RFC 9112, 9.6).
    const serve = (): void => {
      if (before.shouldKeepAlive && !req.socket.destroyed) listener(req, res);
    };
    if (before.writableEnded || before.destroyed || isNumbered(req)) return serve();
    line.waiting += 1;
    if (line.waiting > MAX_WAITING) req.socket.destroy();
    before.once('close', () => {
      line.waiting -= 1;
      serve();
    });
  };
}

function isNumbered({ headers }: IncomingMessage): boolean {
  return headers['content-type'] === FRAMED_BATCH || headers['producer-id'] !== undefined;
}
