import { isQueueError } from '@message-vault/bus';
import type { QueueDocument } from '@message-vault/metadata';
import { accessOf, authorize } from '../exchange.ts';
import { checkTransport } from '../names/protection.ts';
import type { AccessQuestion } from '../options.ts';
import type { RoleRequest } from '../roles.ts';

type QueueRequest = RoleRequest<QueueDocument>;

/**
 * Does something with a queue as this node knows it. If that is gone from storage, the name may have been assigned anew a
 * moment ago: then it is done with the queue there is now, as far as its policy lets this client.
 */
export async function withCurrent(
  request: QueueRequest,
  action: AccessQuestion['action'],
  use: (request: QueueRequest) => Promise<void> | void,
): Promise<void> {
  try {
    await use(request);
  } catch (error) {
    if (!isQueueError(error, 'gone')) throw error;
    const document = await queueNow(request);
    if (document === undefined) throw error;
    const { context, exchange, target } = request;
    checkTransport(context, exchange, document.policy);
    await authorize(context, exchange, { action, name: target.name, ...accessOf(document) });
    await use({ ...request, document });
  }
}

/** Undefined when it is no other queue than before. */
async function queueNow({ context, target, document }: QueueRequest): Promise<QueueDocument | undefined> {
  const { ports } = context;
  ports.names.outdate(document.deadLetterOf ?? target.name);
  const now = await ports.lookup(target.name);
  return now?.role === 'queue' && now.queueId !== document.queueId ? now : undefined;
}
