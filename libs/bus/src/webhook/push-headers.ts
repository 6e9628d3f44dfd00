import type { MessageHeader } from '@message-vault/framing';
import type { ReadMessage } from '@message-vault/log';
import type { Delivery } from '../router/delivery.ts';
import { eventHeaders, isAttribute, isEvent } from './event-headers.ts';
import { signaturesOf } from './signature.ts';
import type { WebhookTarget } from './target.ts';

const CONTENT_TYPE = 'content-type';
/** Field values as HTTP has them: visible ASCII with spaces and tabs between. */
const FIELD_VALUE = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/;
/** Longer than any trace context that receivers have to take. */
const MAX_TRACE_CHARS = 512;
const TYPE_OF_KIND = {
  json: 'application/json',
  text: 'text/plain; charset=utf-8',
  bytes: 'application/octet-stream',
} as const;

/** The headers of a push at `now` (milliseconds since 1970). Names are in lower case. */
export function pushHeaders(target: WebhookTarget, delivery: Delivery, now: number): Record<string, string> {
  const { message } = delivery;
  const timestamp = Math.floor(now / 1000);
  const headers: Record<string, string> = {
    [CONTENT_TYPE]: contentTypeOf(message),
    'webhook-id': message.id,
    'webhook-timestamp': String(timestamp),
    'vault-router': delivery.router,
    'vault-subscription': delivery.subscriptionId,
    'vault-sequence-number': String(message.sequenceNumber),
    'vault-attempt': String(delivery.attempt),
  };
  if (target.secrets.length > 0) {
    const signed = { id: message.id, timestamp, body: message.value };
    headers['webhook-signature'] = signaturesOf(signed, target.secrets);
  }
  if (target.origin !== undefined) headers['webhook-request-origin'] = target.origin;
  const others = otherHeaders(message);
  if (others.length > 0) headers['message-headers'] = asciiJson(others);
  Object.assign(headers, traceOf(message));
  // A body in structured mode holds the event's attributes itself: others beside it would contradict it.
  if (isStructured(headers[CONTENT_TYPE])) return headers;
  return Object.assign(headers, eventHeaders(message, delivery.router));
}

/** The trace a message belongs to (W3C Trace Context), as headers of the request, where a receiver's libraries look for it. */
function traceOf({ headers }: ReadMessage): Record<string, string> {
  const only = (wanted: string): string | undefined => {
    const [value, second] = headers.filter(([name]) => name === wanted).map(([, each]) => each);
    if (value === undefined || second !== undefined || value.length > MAX_TRACE_CHARS) return undefined;
    return FIELD_VALUE.test(value) ? value : undefined;
  };
  const prefix = only('traceparent') === undefined ? 'ce-' : '';
  const traceparent = only(`${prefix}traceparent`);
  const tracestate = only(`${prefix}tracestate`);
  if (traceparent === undefined) return {};
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}

function contentTypeOf(message: ReadMessage): string {
  const given = message.headers.find(([name]) => isContentType(name))?.[1];
  return given !== undefined && FIELD_VALUE.test(given) ? given : TYPE_OF_KIND[message.kind];
}

/** Producers that frame messages themselves may write it in any case. */
function isContentType(name: string): boolean {
  return name.length === CONTENT_TYPE.length && name.toLowerCase() === CONTENT_TYPE;
}

function isStructured(contentType: string | undefined): boolean {
  return contentType?.toLowerCase().startsWith('application/cloudevents') ?? false;
}

/** The message's headers that do not travel as headers of the request. */
function otherHeaders({ headers }: ReadMessage): MessageHeader[] {
  const event = isEvent(headers);
  return headers.filter(([name]) => !isContentType(name) && !(event && isAttribute(name)));
}

/** An object as JSON of ASCII characters only; names that repeat have a list of their values. */
function asciiJson(headers: readonly MessageHeader[]): string {
  const lists = new Map<string, string[]>();
  for (const [name, value] of headers) lists.set(name, [...(lists.get(name) ?? []), value]);
  const entries = Array.from(lists, ([name, values]) => [name, values.length === 1 ? values[0] : values]);
  return JSON.stringify(Object.fromEntries(entries)).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
