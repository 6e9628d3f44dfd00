import {
  elementSources,
  MAX_BATCH_MESSAGES,
  type Message,
  type MessageHeader,
  memberSource,
} from '@message-vault/framing';
import { invariant } from '@message-vault/runtime';
import { isObject, type JsonObject, parseJson } from '../json.ts';
import { HttpProblem } from '../problems.ts';
import { decodeBase64 } from './base64.ts';

const FIELDS = new Set(['key', 'headers', 'value', 'valueText', 'valueBase64']);
const SHAPE = '{"messages":[{"key"?,"headers"?,"value" | "valueText" | "valueBase64"}, …]}';

/** Messages of `application/vnd.message-vault.batch+json`. Throws `bad_body` and `too_large`. */
export function parseBatchJson(bytes: Uint8Array): Message[] {
  const { json: body, text } = parseJson(bytes, 'bad_body');
  const messages = isObject(body) ? body.messages : undefined;
  if (!isObject(body) || !Array.isArray(messages)) throw bad(`expected ${SHAPE}`);
  const extra = Object.keys(body).find((field) => field !== 'messages');
  if (extra !== undefined) throw bad(`unknown field ${JSON.stringify(extra)}: expected ${SHAPE}`);
  if (messages.length === 0) throw bad('messages is empty: expected at least one');
  if (messages.length > MAX_BATCH_MESSAGES) {
    throw new HttpProblem(
      'too_large',
      `a batch may have ${MAX_BATCH_MESSAGES} messages, not ${messages.length}`,
      {
        limit: MAX_BATCH_MESSAGES,
      },
    );
  }
  const sources = valueSources(text);
  return messages.map((message: unknown, index) =>
    parseMessage(message, `messages[${index}]`, sources[index]),
  );
}

/** How the `value` of each message is written, for those that have one: that is what is stored, not what it means to us. */
function valueSources(text: string): (string | undefined)[] {
  const messages = memberSource(text, 'messages');
  invariant(messages !== undefined, 'messages was found when the body was parsed');
  return elementSources(messages).map((message) => memberSource(message, 'value'));
}

function parseMessage(message: unknown, where: string, valueSource: string | undefined): Message {
  if (!isObject(message)) throw bad(`${where} is no object: expected ${SHAPE}`);
  for (const field of Object.keys(message)) {
    if (!FIELDS.has(field))
      throw bad(`${where} has the unknown field ${JSON.stringify(field)}: expected ${SHAPE}`);
  }
  return {
    key: parseKey(message.key, where),
    headers: parseHeaders(message.headers, where),
    ...parseValue(message, where, valueSource),
  };
}

function parseKey(key: unknown, where: string): string | undefined {
  if (key === undefined || key === null) return undefined;
  if (typeof key !== 'string') throw bad(`${where}.key is no string`);
  return key;
}

/** An object of strings; a name that repeats has an array of strings. */
function parseHeaders(headers: unknown, where: string): MessageHeader[] {
  if (headers === undefined) return [];
  if (!isObject(headers)) throw bad(`${where}.headers is no object`);
  return Object.entries(headers).flatMap(([name, value]) => headerLines(name, value, where));
}

function headerLines(name: string, value: unknown, where: string): MessageHeader[] {
  const values: unknown[] = Array.isArray(value) ? value : [value];
  return values.map((each) => {
    if (typeof each !== 'string') throw bad(`${where}.headers[${JSON.stringify(name)}] is no string`);
    return [name, each];
  });
}

function parseValue(
  message: JsonObject,
  where: string,
  valueSource: string | undefined,
): Pick<Message, 'value' | 'kind'> {
  const given = ['value', 'valueText', 'valueBase64'].filter((field) => field in message);
  if (given.length !== 1)
    throw bad(
      `${where} has ${given.join(' and ') || 'no value'}: expected one of value, valueText, valueBase64`,
    );
  if (valueSource !== undefined) return { kind: 'json', value: Buffer.from(valueSource) };
  if ('valueText' in message)
    return { kind: 'text', value: encodeText(message.valueText, `${where}.valueText`) };
  const base64 = message.valueBase64;
  if (typeof base64 !== 'string') throw bad(`${where}.valueBase64 is no string`);
  return { kind: 'bytes', value: decodeBase64(base64, `${where}.valueBase64`, 'bad_body') };
}

function encodeText(text: unknown, where: string): Buffer {
  if (typeof text !== 'string') throw bad(`${where} is no string`);
  if (!text.isWellFormed()) throw bad(`${where} has a lone surrogate, which UTF-8 can't hold`);
  return Buffer.from(text);
}

function bad(detail: string): HttpProblem {
  return new HttpProblem('bad_body', detail);
}
