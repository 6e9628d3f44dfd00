import { Buffer } from 'node:buffer';
import type { MessageHeader } from '@message-vault/framing';
import type { ReadMessage } from '@message-vault/log';

/*
 * CloudEvents 1.0, HTTP binding, binary mode: attributes are headers with `ce-` before their names, the body is the
 * data. A message that came in as an event carries the attributes among its headers and goes out as that very event.
 */

const PREFIX = 'ce-';
const ATTRIBUTE = /^ce-[a-z0-9]+$/;
const REQUIRED = ['ce-id', 'ce-source', 'ce-type', 'ce-specversion'] as const;
const EVENT_TYPE = 'message-vault.message';

/** The `ce-` headers a message goes out with. `router` is the name it was published to. */
export function eventHeaders(message: ReadMessage, router: string): Record<string, string> {
  return isEvent(message.headers) ? attributesOf(message.headers) : newEvent(message, router);
}

/** Whether these are the headers of a CloudEvent, rather than a message with some header that begins with `ce-`. */
export function isEvent(headers: readonly MessageHeader[]): boolean {
  if (!headers.some(([name]) => name.startsWith(PREFIX))) return false;
  return REQUIRED.every((name) => firstOf(headers, name)) && firstOf(headers, 'ce-specversion') === '1.0';
}

function firstOf(headers: readonly MessageHeader[], wanted: string): string | undefined {
  return headers.find(([name]) => name === wanted)?.[1];
}

/** Whether this header of an event is one of its attributes. `datacontenttype` travels as `content-type`. */
export function isAttribute(name: string): boolean {
  return ATTRIBUTE.test(name) && name !== 'ce-datacontenttype';
}

function attributesOf(headers: readonly MessageHeader[]): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [name, value] of headers) if (isAttribute(name)) attributes[name] ??= percentEncode(value);
  return attributes;
}

function newEvent(message: ReadMessage, router: string): Record<string, string> {
  return {
    'ce-specversion': '1.0',
    'ce-id': message.id,
    'ce-source': `/${router}`,
    'ce-type': EVENT_TYPE,
    'ce-time': new Date(message.timestamp).toISOString(),
    ...(message.key === undefined ? {} : { 'ce-partitionkey': percentEncode(message.key) }),
  };
}

/** Everything but visible ASCII, and of that the quote and the percent sign (HTTP binding, 3.1.3.2). */
const TO_ENCODE = /[^\x21\x23\x24\x26-\x7e]+/gu;

function percentEncode(value: string): string {
  return value.replace(TO_ENCODE, (run) =>
    Array.from(Buffer.from(run), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
