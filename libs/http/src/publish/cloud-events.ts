import type { IncomingHttpHeaders } from 'node:http';
import {
  elementSources,
  MAX_BATCH_MESSAGES,
  type Message,
  type MessageHeader,
  memberSource,
} from '@message-vault/framing';
import { isObject, type JsonObject, parseJson } from '../json.ts';
import { HttpProblem } from '../problems.ts';
import { decodeBase64 } from './base64.ts';
import { isJson, parseMediaType } from './media-type.ts';

/*
 * CloudEvents 1.0 (github.com/cloudevents/spec, HTTP and JSON bindings). An event becomes a message: its data the value,
 * its attributes headers with `ce-` before their names, `datacontenttype` the header `content-type`. So an event reads
 * the same whether it came structured, batched or in binary mode.
 */

const PREFIX = 'ce-';
/** The extension whose value is the key as well. */
const KEY = 'partitionkey';
const REQUIRED = ['specversion', 'id', 'source', 'type'] as const;
/** What CloudEvents itself defines is a string, whatever type an extension may have. */
const STRINGS = new Set<string>([...REQUIRED, 'dataschema', 'subject', 'time']);
const ATTRIBUTE = /^[a-z0-9]+$/;
const TIME = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const NOT_ATTRIBUTES = new Set(['data', 'data_base64', 'datacontenttype']);

/** The message of `application/cloudevents+json`. Throws `bad_body` and `bad_cloudevent`. */
export function parseCloudEvent(bytes: Uint8Array): Message {
  const { json, text } = parseJson(bytes, 'bad_body');
  return messageOfEvent(json, memberSource(text, 'data'), 'the event');
}

/** The messages of `application/cloudevents-batch+json`. Throws `bad_body`, `bad_cloudevent` and `too_large`. */
export function parseCloudEvents(bytes: Uint8Array): Message[] {
  const { json: events, text } = parseJson(bytes, 'bad_body');
  if (!Array.isArray(events)) throw new HttpProblem('bad_body', 'expected an array of CloudEvents');
  if (events.length === 0)
    throw new HttpProblem('bad_body', 'the array is empty: expected at least one CloudEvent');
  if (events.length > MAX_BATCH_MESSAGES) {
    throw new HttpProblem(
      'too_large',
      `a batch may have ${MAX_BATCH_MESSAGES} events, not ${events.length}`,
      {
        limit: MAX_BATCH_MESSAGES,
      },
    );
  }
  const sources = elementSources(text).map((event) => memberSource(event, 'data'));
  return events.map((event: unknown, index) => messageOfEvent(event, sources[index], `event ${index}`));
}

/** True when `ce-` headers say that the body is the data of an event. */
export function isBinaryEvent(headers: IncomingHttpHeaders): boolean {
  return REQUIRED.some((name) => headers[PREFIX + name] !== undefined);
}

/** Message headers of an event in binary mode, from the headers of its request. Throws `bad_cloudevent`. */
export function binaryEventHeaders(headers: IncomingHttpHeaders): MessageHeader[] {
  const attributes: MessageHeader[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(PREFIX) && typeof value === 'string') attributes.push([name, decodeHeader(value)]);
  }
  checkAttributes(
    new Map(attributes.map(([name, value]) => [name.slice(PREFIX.length), value])),
    'the event',
  );
  return attributes;
}

/** The key of an event in binary mode, by its message headers. */
export function keyOfEvent(headers: readonly MessageHeader[]): string | undefined {
  return headers.find(([name]) => name === PREFIX + KEY)?.[1];
}

/** Values with characters that headers can't have come percent-encoded (HTTP binding, 3.1.3.2). */
function decodeHeader(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function messageOfEvent(event: unknown, source: string | undefined, where: string): Message {
  if (!isObject(event)) throw bad(where, 'is no object');
  const attributes = new Map<string, string>();
  for (const [name, value] of Object.entries(event)) {
    if (NOT_ATTRIBUTES.has(name) || value === null) continue;
    attributes.set(name, attributeText(name, value, where));
  }
  checkAttributes(attributes, where);
  const { contentType, ...value } = eventData(event, source, where);
  const headers: MessageHeader[] = [...attributes].map(([name, text]) => [PREFIX + name, text]);
  if (contentType !== undefined) headers.push(['content-type', contentType]);
  return { key: attributes.get(KEY), headers, ...value };
}

function attributeText(name: string, value: unknown, where: string): string {
  if (!ATTRIBUTE.test(name))
    throw bad(where, `has the attribute ${JSON.stringify(name)}: expected names of a-z and 0-9`);
  if (typeof value === 'string') return value;
  if (STRINGS.has(name)) throw bad(where, `has a value of ${name} that is no string`);
  if (typeof value === 'boolean' || Number.isInteger(value)) return String(value);
  throw bad(where, `has a value of ${name} that is neither string, boolean nor integer`);
}

function checkAttributes(attributes: ReadonlyMap<string, string>, where: string): void {
  for (const name of REQUIRED) {
    if (!attributes.get(name)) throw bad(where, `lacks ${name}: expected specversion, id, source and type`);
  }
  const version = attributes.get('specversion');
  if (version !== '1.0') throw bad(where, `has specversion ${JSON.stringify(version)}: expected "1.0"`);
  const time = attributes.get('time');
  if (time !== undefined && !(TIME.test(time) && Number.isFinite(Date.parse(time)))) {
    throw bad(where, `has the time ${JSON.stringify(time)}: expected one like 2026-11-20T07:00:00Z`);
  }
}

type EventData = Pick<Message, 'value' | 'kind'> & { contentType: string | undefined };

function eventData(event: JsonObject, source: string | undefined, where: string): EventData {
  const contentType = event.datacontenttype ?? undefined;
  if (contentType !== undefined && typeof contentType !== 'string')
    throw bad(where, 'has a datacontenttype that is no string');
  const base64 = event.data_base64 ?? undefined;
  if (base64 !== undefined) {
    if (event.data !== undefined) throw bad(where, 'has both data and data_base64');
    if (typeof base64 !== 'string') throw bad(where, 'has data_base64 that is no string');
    return {
      kind: 'bytes',
      value: decodeBase64(base64, `data_base64 of ${where}`, 'bad_cloudevent'),
      contentType,
    };
  }
  if (source === undefined) return { kind: 'bytes', value: Buffer.alloc(0), contentType };
  const json = contentType === undefined || isJson(parseMediaType(contentType));
  if (!json && typeof event.data === 'string') {
    if (!event.data.isWellFormed())
      throw bad(where, "has text with a lone surrogate, which UTF-8 can't hold");
    return { kind: 'text', value: Buffer.from(event.data), contentType };
  }
  return {
    kind: 'json',
    value: Buffer.from(source),
    contentType: contentType ?? 'application/json',
  };
}

function bad(where: string, what: string): HttpProblem {
  return new HttpProblem('bad_cloudevent', `${where} ${what}`);
}
