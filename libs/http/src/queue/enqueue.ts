import { decodeBatchHeader, FramingError, type Message, type ProducerIdentity } from '@message-vault/framing';
import type { QueueDocument } from '@message-vault/metadata';
import { sendJson } from '../answer.ts';
import { HttpProblem } from '../problems.ts';
import { frameMessages } from '../publish/frame.ts';
import { readHeaders, withMessages } from '../publish/incoming.ts';
import { Query } from '../query.ts';
import type { RoleRequest } from '../roles.ts';
import { methodNotAllowed } from '../routes/methods.ts';
import { withCurrent } from './current.ts';
import { durationMs } from './parameters.ts';

/** `POST /{name}` of a queue: every message of the body is enqueued, at the tail. */
export async function enqueue(request: RoleRequest<QueueDocument>): Promise<void> {
  const { exchange, target, document } = request;
  if (document.deadLetterOf !== undefined) throw methodNotAllowed('POST', ['OPTIONS']);
  const incoming = readHeaders(request);
  if (incoming.expectedSequenceNumber !== undefined)
    throw new HttpProblem(
      'bad_header',
      'Expected-Sequence-Number is for streams: a queue has no sequence numbers',
    );
  const query = new Query(target.query);
  const times = { delayMs: durationMs(query, 'delay'), timeToLiveMs: durationMs(query, 'ttl') };
  await withMessages(request, document.policy.maxMessageSize, async (messages, bytes) => {
    const producer = incoming.format === 'batch' ? decodeBatchHeader(bytes).producer : incoming.producer;
    await withCurrent(request, 'publish', async (current) => {
      const { messageIds, discarded } = await put(current, messages, { ...times, producer });
      exchange.res.setHeader('Location', `/${target.name}/-/head`);
      const more = discarded === 0 ? {} : { discarded };
      const count = messageIds.length;
      sendJson(exchange, 202, JSON.stringify({ queue: target.name, count, messageIds, ...more }));
    });
  });
}

async function put(
  { context, document }: RoleRequest<QueueDocument>,
  messages: readonly Message[],
  options: {
    delayMs: number | undefined;
    timeToLiveMs: number | undefined;
    producer: ProducerIdentity | undefined;
  },
) {
  try {
    return await context.ports.queues.enqueue(document, messages, options);
  } catch (error) {
    // A message no batch can hold: what is wrong with it is told as a stream would tell it.
    if (error instanceof FramingError) frameMessages(messages, undefined);
    throw error;
  }
}
