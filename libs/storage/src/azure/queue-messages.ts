import { StorageError } from '../errors.ts';
import type { MessageReceipt, PeekedMessage, ReceivedMessage } from '../ports.ts';
import type { LostAs } from './failures.ts';
import type { HttpAnswer } from './http-pool.ts';

/** What is later than this is how Azure says "never": the last day of the year 9999. */
const neverExpires = Date.UTC(9999, 0, 1);

/**
 * The message's element of a request. A message is text to the service; ours are bytes, in base64, whose letters need
 * no escaping in XML. Source: Azure, "Put Message".
 */
export function messageElement(body: Uint8Array): string {
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString('base64');
  return `<QueueMessage><MessageText>${text}</MessageText></QueueMessage>`;
}

/** The receipt in the answer to a Put Message. */
export function sentReceipt(answer: HttpAnswer): MessageReceipt {
  const [message] = messagesIn(answer, 'outcome_unknown');
  if (message === undefined) throw untrustworthy('outcome_unknown', 'no message');
  return receiptOf(message, 'outcome_unknown');
}

/** The messages in the answer to a Get Messages. */
export function receivedMessages(answer: HttpAnswer): ReceivedMessage[] {
  return messagesIn(answer, 'outcome_unknown').map((message) => ({
    ...messageOf(message, 'outcome_unknown'),
    ...receiptOf(message, 'outcome_unknown'),
  }));
}

/** The messages in the answer to a Peek Messages. */
export function peekedMessages(answer: HttpAnswer): PeekedMessage[] {
  return messagesIn(answer, 'unavailable').map((message) => messageOf(message, 'unavailable'));
}

// What the service answers is one flat list of elements without attributes, all of whose texts but MessageText are
// written by the service itself. Reading it takes no parser of XML, which is most of what a call of the SDK costs.

function messagesIn({ body }: HttpAnswer, lostAs: LostAs): string[] {
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString();
  if (!/(?:<\/QueueMessagesList|<QueueMessagesList\s*\/)>\s*$/.test(text.slice(-64)))
    throw untrustworthy(lostAs, 'a list of messages');
  return [...text.matchAll(/<QueueMessage>(.*?)<\/QueueMessage>/gs)].map(([, message]) => message ?? '');
}

function messageOf(message: string, lostAs: LostAs): PeekedMessage {
  const expiresAt = timeIn(message, 'ExpirationTime', lostAs);
  return {
    messageId: textIn(message, 'MessageId', lostAs),
    body: Uint8Array.from(Buffer.from(elementIn(message, 'MessageText') ?? '', 'base64')),
    dequeueCount: numberIn(message, 'DequeueCount', lostAs),
    insertedAt: timeIn(message, 'InsertionTime', lostAs),
    expiresAt: expiresAt >= neverExpires ? undefined : expiresAt,
  };
}

function receiptOf(message: string, lostAs: LostAs): MessageReceipt {
  return {
    messageId: textIn(message, 'MessageId', lostAs),
    popReceipt: textIn(message, 'PopReceipt', lostAs),
  };
}

function numberIn(message: string, element: string, lostAs: LostAs): number {
  const value = Number(textIn(message, element, lostAs));
  if (!Number.isSafeInteger(value) || value < 0) throw untrustworthy(lostAs, element);
  return value;
}

function timeIn(message: string, element: string, lostAs: LostAs): number {
  const time = Date.parse(textIn(message, element, lostAs));
  if (Number.isNaN(time)) throw untrustworthy(lostAs, element);
  return time;
}

function textIn(message: string, element: string, lostAs: LostAs): string {
  const text = elementIn(message, element);
  if (text === undefined || text === '') throw untrustworthy(lostAs, element);
  return text;
}

/** Undefined where the element is missing, or written as `<Element/>`. */
function elementIn(message: string, element: string): string | undefined {
  const from = message.indexOf(`<${element}>`);
  const to = message.indexOf(`</${element}>`, from);
  return from < 0 || to < 0 ? undefined : message.slice(from + element.length + 2, to);
}

function untrustworthy(lostAs: LostAs, what: string): StorageError {
  return new StorageError(lostAs, `the queue service answered without ${what}`);
}
