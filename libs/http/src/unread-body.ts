import type { IncomingMessage, ServerResponse } from 'node:http';

export interface UnreadBodyLimits {
  readonly maxUnreadBodyBytes: number;
  readonly unreadBodyTimeoutMs: number;
}

/**
 * What is left of a body when the answer is complete (it was refused, or nobody wanted one) is read for a while, and
 * thrown away: a connection that is closed with bytes still coming in is reset, and the client may never see the answer.
 * Then it is closed, since Node would go on reading for as long as something comes.
 */
export function boundUnreadBody(req: IncomingMessage, res: ServerResponse, limits: UnreadBodyLimits): void {
  const { 'content-length': length, 'transfer-encoding': encoding } = req.headers;
  if (length === undefined && encoding === undefined) return;
  // Before Node's own listener: a body that nobody has begun to read by then it throws away uncounted.
  res.prependOnceListener('finish', () => {
    if (!req.complete) letTheRestPass(req, limits);
  });
}

function letTheRestPass(req: IncomingMessage, limits: UnreadBodyLimits): void {
  let left = limits.maxUnreadBodyBytes;
  const timer = setTimeout(() => req.destroy(), limits.unreadBodyTimeoutMs);
  timer.unref();
  req.once('close', () => clearTimeout(timer));
  req.once('error', () => clearTimeout(timer));
  req.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) req.destroy();
  });
  req.read(0);
  req.resume();
}
