import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Serves the requests of one connection one after the other. Node hands over all that a client sends without waiting for
 * answers (pipelining) at once; side by side, what was sent second could be stored first, and a read miss what was
 * published before it (RFC 9112, 9.3.2).
 */
export function inTurn(listener: RequestListener): RequestListener {
  const latest = new WeakMap<Socket, ServerResponse>();
  return (req: IncomingMessage, res: ServerResponse) => {
    const before = latest.get(req.socket);
    latest.set(req.socket, res);
    if (before === undefined || before.writableEnded || before.destroyed) {
      listener(req, res);
      return;
    }
    before.once('close', () => {
      // Nobody is there any more to be answered, so nothing more is done.
      if (!req.socket.destroyed) listener(req, res);
    });
  };
}
