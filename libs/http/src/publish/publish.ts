import type { AppendResult } from '@message-vault/log';
import { isLogError } from '@message-vault/log';
import { defaultStreamPolicy } from '@message-vault/metadata';
import type { BodyReader } from '../body.ts';
import { authorize, type Exchange, type HttpContext } from '../exchange.ts';
import { forward, sendOn } from '../forward.ts';
import { HttpProblem } from '../problems.ts';
import { Query } from '../query.ts';
import type { NameTarget } from '../target.ts';
import { parseBatchJson } from './batch-json.ts';
import { parseCloudEvent, parseCloudEvents } from './cloud-events.ts';
import { expectedSequenceNumber, producerOf } from './conditions.ts';
import { checkFramed, checkMessageSizes, type Framed, frameMessages } from './frame.ts';
import { type BodyFormat, bodyFormat, type MediaType, parseMediaType } from './media-type.ts';
import { singleMessage } from './single-message.ts';

/** `POST /{name}`: appends what the body holds as one batch, all of it or nothing. */
export async function publish(
  context: HttpContext,
  exchange: Exchange,
  target: NameTarget,
  bodies: BodyReader,
): Promise<void> {
  exchange.route = 'publish';
  if (context.options.authorize !== undefined)
    await authorize(context, exchange, { action: 'publish', name: target.name });
  if (!context.ports.status().takesWrites) return await forward(context, exchange, target.url, bodies);
  const wanted = readHeaders(exchange, target);
  if (wanted.format === 'policy') return await refusePolicy(context, target.name);
  const body = await bodies.read(exchange);
  try {
    const framed = frame(body.bytes, wanted);
    const result = await append(context, target.name, framed, wanted.expectedSequenceNumber);
    sendResult(exchange, target.name, result);
  } catch (error) {
    // Leadership went away while the body came in: the batch is certainly not stored, and somebody else may lead.
    if (!isLogError(error, 'not_leader')) throw error;
    await sendOn(context, exchange, target.url, body.bytes);
  } finally {
    body.release();
  }
}

type Wanted = ReturnType<typeof readHeaders>;

/** All that can be wrong with a publish before its body has come. */
function readHeaders(exchange: Exchange, target: NameTarget) {
  const { headers } = exchange.req;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new HttpProblem(
      'unsupported_content_encoding',
      `Content-Encoding is ${JSON.stringify(encoding)}: expected none`,
    );
  }
  const type = parseMediaType(headers['content-type']);
  return {
    type,
    headers,
    format: bodyFormat(type),
    key: target.query === '' ? undefined : new Query(target.query).text('key'),
    producer: producerOf(headers),
    expectedSequenceNumber: expectedSequenceNumber(headers),
  };
}

/** Streams come to be by their first publish, with the default policy; other roles are not there yet. */
async function refusePolicy(context: HttpContext, name: string): Promise<never> {
  const known = await context.ports.lookup(name);
  if (known !== undefined) throw new HttpProblem('wrong_role', `${name} already has the role ${known.role}`);
  throw new HttpProblem(
    'unsupported_media_type',
    'policies can not be posted to this version: publish to the name to make it a stream',
  );
}

function frame(bytes: Uint8Array, wanted: Wanted): Framed {
  if (wanted.format === 'batch') return checkFramed(bytes, wanted.producer);
  const messages = messagesOf(wanted.format, bytes, wanted.type, wanted.headers);
  return frameMessages(withKey(messages, wanted), wanted.producer);
}

function messagesOf(
  format: BodyFormat,
  bytes: Uint8Array,
  type: MediaType | undefined,
  headers: Wanted['headers'],
) {
  switch (format) {
    case 'batch+json':
      return parseBatchJson(bytes);
    case 'cloudevent':
      return [parseCloudEvent(bytes)];
    case 'cloudevents-batch':
      return parseCloudEvents(bytes);
    default:
      return [singleMessage(bytes, type, headers)];
  }
}

/** `?key=` is the key of a message that comes alone. */
function withKey(messages: ReturnType<typeof messagesOf>, wanted: Wanted): ReturnType<typeof messagesOf> {
  const [message, second] = messages;
  if (wanted.key === undefined || message === undefined || second !== undefined) return messages;
  return [{ ...message, key: wanted.key }];
}

async function append(context: HttpContext, name: string, framed: Framed, expected: number | undefined) {
  const known = await context.ports.lookup(name);
  if (known !== undefined && known.role !== 'stream')
    throw new HttpProblem('wrong_role', `${name} is a ${known.role}, not a stream`);
  checkMessageSizes(framed, (known?.policy ?? defaultStreamPolicy).maxMessageSize);
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

/** 201, or 200 for a batch that was stored before, with the first answer. Names need no escaping in JSON. */
function sendResult(exchange: Exchange, name: string, result: AppendResult): void {
  const { res } = exchange;
  const body = `{"stream":"${name}","count":${result.count},"firstOffset":${result.firstOffset},"nextOffset":${result.nextOffset},"firstSequenceNumber":${result.firstSequenceNumber},"timestamp":${result.timestamp}}`;
  res.statusCode = result.duplicate ? 200 : 201;
  res.setHeader('Content-Type', 'application/json');
  res.setHeader('Content-Length', body.length);
  res.end(body);
}
