import type { QueueDelivery } from '@message-vault/bus';
import type { QueueDocument } from '@message-vault/metadata';
import accepts from 'accepts';
import { sendJson, sendNothing } from '../answer.ts';
import { type Exchange, endSignal } from '../exchange.ts';
import { forward } from '../forward.ts';
import { Query } from '../query.ts';
import type { RoleHandler, RoleRequest } from '../roles.ts';
import {
  brokerProperties,
  contentTypeOf,
  deliveryJson,
  MESSAGE_TYPE,
  messageHeaders,
  peekedJson,
} from './render.ts';

type QueueRequest = RoleRequest<QueueDocument>;

/** Longer ones are left out, for the JSON form to have: clients and proxies refuse headers above 8 or 16 KiB. */
const MAX_HEADERS_CHARS = 4096;

/** `POST /{name}/-/head`: takes the next message under lock. 201, or 204 when none came in time. */
export async function takeLocked(request: QueueRequest): Promise<void> {
  await take(request, 201, ({ context, document }, wait) => context.ports.queues.receive(document, wait));
}

/** `DELETE /{name}/-/head`: takes the next message and removes it. 200 or 204. */
export async function takeAway(request: QueueRequest): Promise<void> {
  await take(request, 200, ({ context, document }, wait) =>
    context.ports.queues.receiveAndDelete(document, wait),
  );
}

/** `GET /{name}/-/head`: the next messages, without taking them. */
export async function peekHead({ context, exchange, target, document }: QueueRequest): Promise<void> {
  const { maxPeek } = context.options.limits.queue;
  const max = new Query(target.query).bound('limit', maxPeek) ?? maxPeek;
  const messages = await context.ports.queues.peek(document, max);
  sendJson(exchange, 200, `{"queue":"${target.name}","messages":[${messages.map(peekedJson).join(',\n')}]}`);
}

/** Where readers are counted, only the leader can do it. */
export function whereCounted(handle: RoleHandler<QueueDocument>): RoleHandler<QueueDocument> {
  return async (request) => {
    const { context, exchange, target, bodies, document } = request;
    const counted = document.policy.maxConcurrentReaders !== undefined;
    if (counted && !context.ports.status().takesWrites)
      return await forward(context, exchange, target.url, bodies);
    await handle(request);
  };
}

async function take(
  request: QueueRequest,
  status: 200 | 201,
  from: (
    request: QueueRequest,
    wait: { timeoutMs: number; signal: AbortSignal },
  ) => Promise<QueueDelivery | undefined>,
): Promise<void> {
  const { context, exchange, target } = request;
  const seconds =
    new Query(target.query).decimal('timeout', context.options.limits.queue.maxWaitSeconds) ?? 0;
  exchange.longLived = seconds > 0;
  const delivery = await from(request, { timeoutMs: seconds * 1000, signal: endSignal(context, exchange) });
  exchange.res.setHeader('Cache-Control', 'no-store');
  if (delivery === undefined) return sendNothing(exchange.res);
  returnUnlessDelivered(request, delivery);
  if (delivery.lock !== undefined)
    exchange.res.setHeader('Location', `/${target.name}/-/locks/${delivery.lock.id}`);
  send(exchange, status, delivery);
}

/** A message whose consumer has gone meanwhile is for others, at once. */
function returnUnlessDelivered({ context, exchange: { res } }: QueueRequest, delivery: QueueDelivery): void {
  const ended = (): void => {
    delivery.release();
    if (res.writableFinished) return;
    delivery.undo().catch((error: unknown) => {
      context.options.logger.error({ error }, 'a message could not be given back');
    });
  };
  if (res.destroyed) ended();
  else res.once('close', ended);
}

function send(exchange: Exchange, status: number, delivery: QueueDelivery): void {
  const { req, res } = exchange;
  res.setHeader('BrokerProperties', brokerProperties(delivery));
  if (accepts(req).types(['application/octet-stream', MESSAGE_TYPE]) === MESSAGE_TYPE)
    sendBody(res, status, { type: MESSAGE_TYPE, bytes: Buffer.from(deliveryJson(delivery)) });
  else sendValue(res, status, delivery);
}

function sendValue(res: Exchange['res'], status: number, { message }: QueueDelivery): void {
  const headers = messageHeaders(message);
  if (headers !== undefined && headers.length <= MAX_HEADERS_CHARS) res.setHeader('Message-Headers', headers);
  // Whoever sent it is not to run code in the pages of this origin.
  res.setHeader('Content-Security-Policy', 'sandbox');
  res.setHeader('X-Content-Type-Options', 'nosniff');
  sendBody(res, status, { type: contentTypeOf(message), bytes: message.value });
}

function sendBody(res: Exchange['res'], status: number, body: { type: string; bytes: Uint8Array }): void {
  res.statusCode = status;
  res.setHeader('Content-Type', body.type);
  res.setHeader('Content-Length', body.bytes.byteLength);
  res.end(body.bytes);
}
