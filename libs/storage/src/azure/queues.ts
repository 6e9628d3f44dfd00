import { isStorageError, StorageError } from '../errors.ts';
import type { MessageReceipt, QueueStore } from '../ports.ts';
import {
  checkMessageCount,
  checkQueue,
  checkQueueBody,
  checkReceipt,
  checkSendTimes,
  checkVisibility,
  wholeSeconds,
} from '../rules.ts';
import { expectStatus, unlessCode } from './answers.ts';
import { sendDirect, smallAnswer } from './direct.ts';
import type { HttpAnswer } from './http-pool.ts';
import type { QueueAccess } from './queue-access.ts';
import { messageElement, peekedMessages, receivedMessages, sentReceipt } from './queue-messages.ts';
import type { Tries } from './tries.ts';

type Queues = Pick<QueueStore, 'createQueue' | 'deleteQueue' | 'properties'>;
type Messages = Omit<QueueStore, keyof Queues>;

/** 32 messages of 64 KiB of text, with what is around them. */
const maxListBytes = 4 * 1024 * 1024;
/** A receipt that is no receipt at all is answered as a bad parameter; it is the only one we don't make ourselves. */
const badReceiptCodes: readonly unknown[] = ['InvalidQueryParameterValue', 'OutOfRangeQueryParameterValue'];

/** Queues of an Azure storage account. Without `access` every call is refused: it is not known where they are. */
export function azureQueues(access: QueueAccess | undefined, tries: Tries): QueueStore {
  const known = (): QueueAccess => {
    if (access !== undefined) return access;
    throw new StorageError(
      'invalid_request',
      'it is not known where the queues of this storage account are: give QueueEndpoint in its connection string',
    );
  };
  return { ...queues(known, tries), ...messages(known, tries) };
}

function queues(access: () => QueueAccess, tries: Tries): Queues {
  return {
    async createQueue(queue, options) {
      const create = tries.repeatedly(options, async (abortSignal) => {
        checkQueue(queue);
        await access().queue(queue).create({ abortSignal });
      });
      await create.catch(unlessCode('already_exists')).catch((error: unknown) => {
        if (!isStorageError(error, 'not_found')) throw error;
        // Deleted, but not gone yet, which takes Azure at least half a minute.
        throw new StorageError('unavailable', `queue ${queue} is being deleted`, { cause: error });
      });
    },
    async deleteQueue(queue, options) {
      const remove = tries.repeatedly(options, async (abortSignal) => {
        checkQueue(queue);
        await access().queue(queue).delete({ abortSignal });
      });
      await remove.catch(unlessCode('not_found'));
    },
    properties: (queue, options) =>
      tries.repeatedly(options, async (abortSignal) => {
        checkQueue(queue);
        const { approximateMessagesCount } = await access().queue(queue).getProperties({ abortSignal });
        if (approximateMessagesCount === undefined)
          throw new StorageError('unavailable', 'the queue service answered without a count');
        return { approximateCount: approximateMessagesCount };
      }),
  };
}

/** The calls that carry the messages; they go around the SDK, which costs a node three times as much for each. */
function messages(access: () => QueueAccess, tries: Tries): Messages {
  return {
    send: (queue, body, times = {}, options) =>
      tries.once(options, async (signal) => {
        checkQueue(queue);
        checkQueueBody(body);
        checkSendTimes(times);
        const { delayMs = 0, timeToLiveMs } = times;
        const lives = timeToLiveMs === undefined ? -1 : wholeSeconds(timeToLiveMs);
        const query = `visibilitytimeout=${wholeSeconds(delayMs)}&messagettl=${lives}`;
        const request = { ...xml(messageElement(body)), query, maxAnswerBytes: smallAnswer };
        const path = `${queue}/messages`;
        return sentReceipt(
          expectStatus(await sendDirect(access(), { method: 'POST', path, ...request }, signal), 201),
        );
      }),
    receive: (queue, { max, visibilityTimeoutMs }, options) =>
      tries.once(options, async (signal) => {
        checkMessageCount(max);
        checkVisibility(visibilityTimeoutMs, 1000);
        const query = `numofmessages=${max}&visibilitytimeout=${wholeSeconds(visibilityTimeoutMs)}`;
        return receivedMessages(await list(access(), queue, query, signal));
      }),
    peek: (queue, max, options) =>
      tries.repeatedly(options, async (signal) => {
        checkMessageCount(max);
        return peekedMessages(await list(access(), queue, `numofmessages=${max}&peekonly=true`, signal));
      }),
    ...heldMessages(access, tries),
  };
}

function heldMessages(access: () => QueueAccess, tries: Tries): Pick<Messages, 'update' | 'delete'> {
  return {
    update: (queue, receipt, { visibilityTimeoutMs, body }, options) =>
      tries.once(options, async (signal) => {
        checkVisibility(visibilityTimeoutMs, 0);
        if (body !== undefined) checkQueueBody(body);
        const request = {
          method: 'PUT',
          ...held(queue, receipt, `&visibilitytimeout=${wholeSeconds(visibilityTimeoutMs)}`),
          ...(body === undefined ? { headers: {} } : xml(messageElement(body))),
          maxAnswerBytes: smallAnswer,
        } as const;
        const answer = changed(await sendDirect(access(), request, signal));
        const popReceipt = answer.headers['x-ms-popreceipt'];
        if (typeof popReceipt !== 'string' || popReceipt === '')
          throw new StorageError('outcome_unknown', 'the queue service answered without a receipt');
        return { popReceipt };
      }),
    delete: (queue, receipt, options) =>
      tries.once(options, async (signal) => {
        const request = { method: 'DELETE', headers: {}, maxAnswerBytes: smallAnswer } as const;
        changed(await sendDirect(access(), { ...request, ...held(queue, receipt, '') }, signal));
      }),
  };
}

function xml(body: string): { headers: Record<string, string>; body: string } {
  return { headers: { 'content-type': 'application/xml' }, body };
}

/** Source: Azure, "Get Messages" and "Peek Messages". */
async function list(
  access: QueueAccess,
  queue: string,
  query: string,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  checkQueue(queue);
  const request = { method: 'GET', path: `${queue}/messages`, query, headers: {} } as const;
  return expectStatus(await sendDirect(access, { ...request, maxAnswerBytes: maxListBytes }, signal), 200);
}

/** Path and query of one message. Source: Azure, "Update Message" and "Delete Message". */
function held(queue: string, receipt: MessageReceipt, rest: string): { path: string; query: string } {
  checkQueue(queue);
  checkReceipt(receipt);
  return {
    path: `${queue}/messages/${receipt.messageId}`,
    query: `popreceipt=${encodeURIComponent(receipt.popReceipt)}${rest}`,
  };
}

function changed(answer: HttpAnswer): HttpAnswer {
  if (answer.status === 400 && badReceiptCodes.includes(answer.headers['x-ms-error-code']))
    throw new StorageError('receipt_lost', 'this is not a receipt of any message');
  return expectStatus(answer, 204);
}
