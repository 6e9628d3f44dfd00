import { type AppendResult, isLogError } from '@message-vault/log';
import { defaultStreamPolicy, type NameDocument, type StreamDocument } from '@message-vault/metadata';
import type { Exchange, HttpContext } from '../exchange.ts';
import { forward, sendOn } from '../forward.ts';
import type { RoleRequest } from '../roles.ts';
import { checkMessageSizes, type Framed } from './frame.ts';
import { frameBody, readHeaders } from './incoming.ts';

export type PublishTo<D> = Pick<RoleRequest, 'context' | 'exchange' | 'target' | 'bodies'> & {
  readonly document: D;
};

/** `POST /{name}` of a stream, or of a name that becomes one by it: 201, or 200 for a batch that was stored before. */
export async function publish(request: PublishTo<StreamDocument | undefined>): Promise<void> {
  const { context, target, document, exchange, bodies } = request;
  if (!context.ports.status().takesWrites) return await forward(context, exchange, target.url, bodies);
  const { maxMessageSize } = document?.policy ?? defaultStreamPolicy;
  await appendBody(request, { maxMessageSize, created: 201 });
}

/**
 * Appends what the body holds to the stream of the name (a router's is its intake) as one batch, all of it or nothing,
 * and answers with where it is. To be called where writes are taken; should leadership go away while the body comes in,
 * the request is passed on. Throws HttpProblem, LogError.
 */
export async function appendBody(
  request: PublishTo<NameDocument | undefined>,
  { maxMessageSize, created }: { maxMessageSize: number; created: 201 | 202 },
): Promise<void> {
  const { context, exchange, target, bodies } = request;
  const incoming = readHeaders(request);
  const body = await bodies.read(exchange);
  try {
    const framed = frameBody(body.bytes, incoming);
    checkMessageSizes(framed, maxMessageSize);
    const result = await append(context, target.name, framed, incoming.expectedSequenceNumber);
    await nextCommitSent();
    sendResult(exchange, target.name, result, created);
    // The log has made its own copy of what it has stored; who still looks at anything else, nobody knows.
    if (!result.duplicate) body.free();
  } catch (error) {
    // Leadership went away while the body came in: the batch is certainly not stored, and somebody else may lead.
    if (!isLogError(error, 'not_leader')) throw error;
    await sendOn(context, exchange, target.url, body.bytes);
  } finally {
    body.release();
  }
}

/**
 * What is stored lets the next commit go, and telling four publishers takes a millisecond, as long as sending that one.
 * The storage's connection sends after this turn of the event loop; what has been waiting for that longest goes first.
 */
function nextCommitSent(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function append(context: HttpContext, name: string, framed: Framed, expected: number | undefined) {
  const result = await context.ports.publish({ name, ...framed, expectedSequenceNumber: expected });
  count(context, framed, result);
  return result;
}

function count(context: HttpContext, framed: Framed, result: AppendResult): void {
  const { metrics } = context.options;
  if (result.duplicate) {
    metrics.duplicateBatches.inc();
    return;
  }
  metrics.publishedMessages.inc(result.count);
  metrics.publishedBatches.inc();
  metrics.publishedBytes.inc(framed.batch.byteLength);
}

/** `created`, or 200 for a batch that was stored before, with the first answer. Names need no escaping in JSON. */
function sendResult(exchange: Exchange, name: string, result: AppendResult, created: 201 | 202): void {
  const { res } = exchange;
  const body = `{"stream":"${name}","count":${result.count},"firstOffset":${result.firstOffset},"nextOffset":${result.nextOffset},"firstSequenceNumber":${result.firstSequenceNumber},"timestamp":${result.timestamp}}`;
  res.statusCode = result.duplicate ? 200 : created;
  res.setHeader('Content-Type', 'application/json');
  res.setHeader('Content-Length', body.length);
  res.end(body);
}
