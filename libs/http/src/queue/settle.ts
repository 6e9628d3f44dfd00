import type { QueueDocument } from '@message-vault/metadata';
import { sendJson } from '../answer.ts';
import { isObject, parseJson } from '../json.ts';
import { HttpProblem } from '../problems.ts';
import { Query } from '../query.ts';
import type { RoleRequest } from '../roles.ts';
import { durationMs } from './parameters.ts';

type QueueRequest = RoleRequest<QueueDocument>;

const MAX_REASON_BODY_BYTES = 64 * 1024;
const NO_REASON = 'the consumer gave no reason';

/** `DELETE /{name}/-/locks/{id}`: the message has been dealt with. */
export async function acknowledge(request: QueueRequest): Promise<void> {
  const { context, exchange, document } = request;
  await context.ports.queues.acknowledge(document, lockOf(request));
  sendJson(exchange, 200, '{"acknowledged":true}');
}

/** `PUT /{name}/-/locks/{id}`: the message is for others, now or after `delay`. */
export async function giveBack(request: QueueRequest): Promise<void> {
  const { context, exchange, target, document } = request;
  const delayMs = durationMs(new Query(target.query), 'delay');
  await context.ports.queues.giveBack(document, lockOf(request), delayMs);
  sendJson(exchange, 200, '{"givenBack":true}');
}

/** `POST /{name}/-/locks/{id}`: another lock's time from now, by the same id. */
export async function renew(request: QueueRequest): Promise<void> {
  const { context, exchange, document } = request;
  const lockedUntil = await context.ports.queues.renew(document, lockOf(request));
  sendJson(exchange, 200, JSON.stringify({ lockedUntil }));
}

/** `POST /{name}/-/locks/{id}/dead-letter` with `{"reason": "…"}`, or no body. */
export async function deadLetter(request: QueueRequest): Promise<void> {
  const { context, exchange, document, bodies } = request;
  const body = await bodies.read(exchange, MAX_REASON_BODY_BYTES);
  try {
    const reason = body.bytes.length === 0 ? NO_REASON : reasonIn(body.bytes);
    await context.ports.queues.deadLetterLocked(document, lockOf(request), reason);
  } finally {
    body.release();
  }
  sendJson(exchange, 200, '{"deadLettered":true}');
}

function reasonIn(bytes: Uint8Array): string {
  const { json } = parseJson(bytes, 'bad_body');
  const reason = isObject(json) ? json.reason : undefined;
  const others = isObject(json) ? Object.keys(json).filter((key) => key !== 'reason') : [];
  if (typeof reason !== 'string' || others.length > 0)
    throw new HttpProblem('bad_body', 'expected {"reason": "…"} and nothing else, or no body');
  return reason || NO_REASON;
}

function lockOf({ parameters }: QueueRequest): string {
  return parameters.id ?? '';
}
