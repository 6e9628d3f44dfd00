import type { StreamDocument } from '@message-vault/metadata';
import { sendJson } from '../answer.ts';
import { type Exchange, endSignal, type HttpContext } from '../exchange.ts';
import { HttpProblem } from '../problems.ts';

/** `GET /{name}/-/stats`: where the stream begins and ends. */
export async function sendStats(
  context: HttpContext,
  exchange: Exchange,
  document: StreamDocument,
): Promise<void> {
  const bounds = await boundsOf(context, exchange, document);
  const { res } = exchange;
  res.setHeader('Next-Offset', bounds.nextOffset);
  sendJson(exchange, 200, JSON.stringify({ stream: document.name, role: document.role, ...bounds }));
}

/** `HEAD /{name}`: the same as headers. */
export async function sendStatsAsHeaders(
  context: HttpContext,
  exchange: Exchange,
  document: StreamDocument,
): Promise<void> {
  const bounds = await boundsOf(context, exchange, document);
  const { res } = exchange;
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Earliest-Offset', bounds.earliestOffset);
  res.setHeader('Next-Offset', bounds.nextOffset);
  res.setHeader('Earliest-Sequence-Number', bounds.earliestSequenceNumber);
  res.setHeader('Next-Sequence-Number', bounds.nextSequenceNumber);
  res.setHeader('Stream-Bytes', bounds.bytes);
  if (bounds.firstTimestamp !== null) res.setHeader('First-Timestamp', bounds.firstTimestamp);
  if (bounds.lastTimestamp !== null) res.setHeader('Last-Timestamp', bounds.lastTimestamp);
  res.statusCode = 200;
  res.end();
}

async function boundsOf(context: HttpContext, exchange: Exchange, document: StreamDocument) {
  const { reader, release } = context.ports.acquireReader(document);
  try {
    const bounds = await reader.bounds(endSignal(context, exchange));
    return {
      earliestOffset: bounds.earliestOffset,
      nextOffset: bounds.nextOffset,
      earliestSequenceNumber: bounds.earliestSequenceNumber,
      nextSequenceNumber: bounds.nextSequenceNumber,
      bytes: bounds.bytes,
      firstTimestamp: bounds.firstTimestamp ?? null,
      lastTimestamp: bounds.lastTimestamp ?? null,
    };
  } finally {
    release();
  }
}

/** `GET /{name}/-/access`: read access to the segments themselves. The answer is a secret. */
export async function sendAccess(
  context: HttpContext,
  exchange: Exchange,
  document: StreamDocument,
): Promise<void> {
  const grant = await context.ports.grantAccess(document);
  if (grant === undefined)
    throw new HttpProblem('not_possible', 'the storage of this node can not hand out read access');
  const { name: stream, streamId, container } = document;
  const { url, expiresAt, segments } = grant;
  sendJson(exchange, 200, JSON.stringify({ stream, streamId, container, url, expires: expiresAt, segments }));
}
