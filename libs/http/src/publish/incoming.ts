import type { IncomingHttpHeaders } from 'node:http';
import { decodeBatch, type Message } from '@message-vault/framing';
import { HttpProblem } from '../problems.ts';
import { Query } from '../query.ts';
import type { RoleRequest } from '../roles.ts';
import { parseBatchJson } from './batch-json.ts';
import { parseCloudEvent, parseCloudEvents } from './cloud-events.ts';
import { expectedSequenceNumber, producerOf } from './conditions.ts';
import { checkFramed, checkMessageSize, type Framed, frameMessages } from './frame.ts';
import { bodyFormat, parseMediaType } from './media-type.ts';
import { singleMessage } from './single-message.ts';

/** What the headers and the query of a publish say of its body. */
export type Incoming = ReturnType<typeof readHeaders>;

/** All that can be wrong with what is published before its body has come. */
export function readHeaders({ exchange, target }: Pick<RoleRequest, 'exchange' | 'target'>) {
  const { headers } = exchange.req;
  refuseEncoding(headers);
  const type = parseMediaType(headers['content-type']);
  const format = bodyFormat(type);
  if (format === 'policy') throw new HttpProblem('name_taken', `${target.name} already has a role`);
  return {
    type,
    headers,
    format,
    key: target.query === '' ? undefined : new Query(target.query).text('key'),
    producer: producerOf(headers),
    expectedSequenceNumber: expectedSequenceNumber(headers),
  };
}

function refuseEncoding(headers: IncomingHttpHeaders): void {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return;
  throw new HttpProblem(
    'unsupported_content_encoding',
    `Content-Encoding is ${JSON.stringify(encoding)}: expected none`,
  );
}

/** One batch of what the body holds, for a stream. */
export function frameBody(bytes: Uint8Array, incoming: Incoming): Framed {
  if (incoming.format === 'batch') return checkFramed(bytes, incoming.producer);
  return frameMessages(messagesOf(bytes, incoming), incoming.producer);
}

/**
 * Runs `use` with the messages in the body, however they came: a batch, JSON, CloudEvents, or the body as one message.
 * Their bytes count as held until it is done. Throws HttpProblem, and `too_large` for a value above `maxMessageSize`.
 */
export async function withMessages<Result>(
  request: Pick<RoleRequest, 'exchange' | 'target' | 'bodies'>,
  maxMessageSize: number,
  use: (messages: readonly Message[], bytes: Uint8Array) => Promise<Result>,
): Promise<Result> {
  const incoming = readHeaders(request);
  const body = await request.bodies.read(request.exchange);
  try {
    const messages = unframedMessages(body.bytes, incoming);
    for (const { value } of messages) checkMessageSize(value.byteLength, maxMessageSize);
    return await use(messages, body.bytes);
  } finally {
    body.release();
  }
}

function unframedMessages(bytes: Uint8Array, incoming: Incoming): readonly Message[] {
  if (incoming.format !== 'batch') return messagesOf(bytes, incoming);
  return decodeBatch(checkFramed(bytes, incoming.producer).batch).messages;
}

function messagesOf(bytes: Uint8Array, incoming: Incoming): Message[] {
  return withKey(parseBody(bytes, incoming), incoming);
}

function parseBody(bytes: Uint8Array, { format, type, headers }: Incoming): Message[] {
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
function withKey(messages: Message[], { key }: Incoming): Message[] {
  const [message, second] = messages;
  if (key === undefined || message === undefined || second !== undefined) return messages;
  return [{ ...message, key }];
}
