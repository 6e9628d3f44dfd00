import type { DeadLetterNote, PeekedQueueMessage, QueueDelivery } from '@message-vault/bus';
import { contentJson, headersJson, type Message, type MessageHeader } from '@message-vault/framing';
import { formatDuration } from '@message-vault/metadata';

export const MESSAGE_TYPE = 'application/vnd.message-vault.message+json';

/** Printable ASCII (RFC 9110, 5.5): whatever else a producer wrote can't go out as a header. */
const SENDABLE = /^[\x20-\x7e]{1,256}$/;

/** The message as one JSON object, on one line. */
export function deliveryJson(delivery: QueueDelivery): string {
  const { message, lock } = delivery;
  const rest = {
    ...(lock === undefined ? {} : { lock }),
    deliveryCount: delivery.delivery,
    ...noteMembers(delivery),
  };
  return `{"id":"${delivery.id}",${contentJson(message)},${JSON.stringify(rest).slice(1)}`;
}

/** One message of a peek. One whose body can't be read has no value. */
export function peekedJson(peeked: PeekedQueueMessage): string {
  const content = peeked.message === undefined ? '"key":null,"headers":{}' : contentJson(peeked.message);
  const rest = { deliveryCount: peeked.deliveries, ...noteMembers(peeked) };
  return `{"id":"${peeked.id}",${content},${JSON.stringify(rest).slice(1)}`;
}

/** The header `BrokerProperties`, as the Service Bus has it, with what we know besides. ASCII, whatever it holds. */
export function brokerProperties(delivery: QueueDelivery): string {
  const { message, lock, expiresAt, enqueuedAt, deadLetter } = delivery;
  return asciiJson({
    MessageId: delivery.id,
    ...(lock === undefined ? {} : { LockToken: lock.id, LockedUntilUtc: utc(lock.until) }),
    DeliveryCount: delivery.delivery,
    EnqueuedTimeUtc: utc(enqueuedAt),
    ...(expiresAt === undefined ? {} : { TimeToLive: formatDuration(Math.max(0, expiresAt - enqueuedAt)) }),
    ...(message.key === undefined ? {} : { Key: message.key }),
    ...(deadLetter === undefined
      ? {}
      : { DeadLetterReason: deadLetter.reason, DeadLetterSource: deadLetter.source }),
    ...(delivery.redrives === 0 ? {} : { RedriveCount: delivery.redrives }),
  });
}

/** What a message's body is sent as: what it came as, if that can be said; by its kind otherwise. */
export function contentTypeOf({ kind, headers }: Message): string {
  const given = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  if (given !== undefined && SENDABLE.test(given)) return given;
  if (kind === 'json') return 'application/json';
  return kind === 'text' ? 'text/plain; charset=utf-8' : 'application/octet-stream';
}

/** The message's own headers but for its content-type; undefined when there are no others. */
export function messageHeaders({ headers }: Message): string | undefined {
  const others: readonly MessageHeader[] = headers.filter(([name]) => name.toLowerCase() !== 'content-type');
  return others.length === 0 ? undefined : ascii(headersJson(others));
}

function noteMembers(about: {
  enqueuedAt: number;
  expiresAt: number | undefined;
  deadLetter: DeadLetterNote | undefined;
  redrives: number;
}): object {
  const { enqueuedAt, expiresAt, deadLetter, redrives } = about;
  return {
    enqueuedAt,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(deadLetter === undefined ? {} : { deadLetter }),
    ...(redrives === 0 ? {} : { redriveCount: redrives }),
  };
}

function asciiJson(value: unknown): string {
  return ascii(JSON.stringify(value));
}

/** In JSON everything may be escaped, so a header can hold all of it. */
function ascii(json: string): string {
  return json.replace(/[\x7f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function utc(ms: number): string {
  return new Date(ms).toISOString();
}
