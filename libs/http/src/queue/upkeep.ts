import { deadLetterOf, type QueueDocument } from '@message-vault/metadata';
import { sendJson } from '../answer.ts';
import { endSignal } from '../exchange.ts';
import { HttpProblem } from '../problems.ts';
import { Query } from '../query.ts';
import type { RoleRequest } from '../roles.ts';

type QueueRequest = RoleRequest<QueueDocument>;

/** `GET /{name}/-/stats`. */
export async function sendQueueStats({ context, exchange, target, document }: QueueRequest): Promise<void> {
  const { depth, locked, deadLettered, oldestAgeMs } = await context.ports.queues.stats(document);
  const body = {
    queue: target.name,
    depth,
    locked: locked ?? null,
    deadLettered,
    oldestAgeSeconds: oldestAgeMs === undefined ? null : oldestAgeMs / 1000,
  };
  sendJson(exchange, 200, JSON.stringify(body));
}

/** `POST /{name}/-/redrive`: brings dead letters back into the queue. */
export async function redriveQueue({ context, exchange, target, document }: QueueRequest): Promise<void> {
  if (document.deadLetterOf !== undefined)
    throw new HttpProblem(
      'not_possible',
      `these are the dead letters of ${document.deadLetterOf}: redrive that`,
    );
  const { maxRedrive } = context.options.limits.queue;
  const limit = new Query(target.query).bound('limit', maxRedrive) ?? maxRedrive;
  exchange.longLived = true;
  const signal = endSignal(context, exchange);
  const moved = await context.ports.queues.redrive(deadLetterOf(document), document, { limit, signal });
  sendJson(exchange, 200, JSON.stringify({ moved }));
}
