import { Buffer, isUtf8 } from 'node:buffer';
import type { Message, MessageHeader } from './record.ts';

/*
 * A message as members of a JSON object, the way nodes and programs show messages to people and to other programs. No
 * line breaks, whatever the message holds.
 */

/** `"key":…,"headers":…` and `"value":…`, `"valueText":…` or `"valueBase64":…`. */
export function contentJson(message: Message): string {
  const key = message.key === undefined ? 'null' : JSON.stringify(message.key);
  return `"key":${key},"headers":${headersJson(message.headers)},${valueJson(message)}`;
}

/** The headers as one object; names that repeat have arrays. */
export function headersJson(headers: readonly MessageHeader[]): string {
  const [first] = headers;
  if (first === undefined) return '{}';
  if (headers.length === 1) return `{${JSON.stringify(first[0])}:${JSON.stringify(first[1])}}`;
  const members = new Map<string, string[]>();
  for (const [name, value] of headers) {
    const values = members.get(name);
    if (values === undefined) members.set(name, [value]);
    else values.push(value);
  }
  const texts = [...members].map(
    ([name, values]) => `${JSON.stringify(name)}:${JSON.stringify(values.length === 1 ? values[0] : values)}`,
  );
  return `{${texts.join(',')}}`;
}

function valueJson({ kind, value }: Message): string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  // What a producer calls JSON or text may be neither: it is given as what it is.
  if (kind === 'bytes' || !isUtf8(bytes)) return `"valueBase64":"${bytes.toString('base64')}"`;
  const text = bytes.toString('utf8');
  return kind === 'json' && isJsonText(text)
    ? `"value":${onOneLine(text)}`
    : `"valueText":${JSON.stringify(text)}`;
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** In valid JSON line breaks stand between tokens only, where a space means the same. */
function onOneLine(text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]+/g, ' ') : text;
}
