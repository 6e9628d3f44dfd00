import { isUtf8 } from 'node:buffer';
import type { VaultMessage } from '@message-vault/client';
import { UNTERMINATED_HEADER } from './publish/line-messages.ts';
import { bytesText, printable, timeText } from './text.ts';

export type OutputFormat = 'json' | 'ndjson' | 'values' | 'pretty';
export const OUTPUT_FORMATS: readonly OutputFormat[] = ['json', 'ndjson', 'values', 'pretty'];

/** Turns messages into what is printed, in pieces of bounded size. */
export interface MessageOutput {
  readonly opening: string;
  render(messages: Iterable<VaultMessage>): Generator<Uint8Array, void, undefined>;
  readonly closing: string;
}

const LINE_FEED = Uint8Array.of(0x0a);
/** A piece is written when it has this much. */
const PIECE_BYTES = 256 * 1024;
/** Of a value, as much as people look at. */
const PRETTY_CHARS = 2000;
const PRETTY_BYTES = 64;

export function messageOutput(format: OutputFormat): MessageOutput {
  switch (format) {
    case 'json':
      return jsonArray();
    case 'ndjson':
      return lines((message) => `${messageJson(message)}\n`);
    case 'pretty':
      return lines(pretty);
    case 'values':
      return { opening: '', closing: '', render: values };
  }
}

function lines(line: (message: VaultMessage) => string): MessageOutput {
  return { opening: '', closing: '', render: (messages) => renderText(messages, line) };
}

function jsonArray(): MessageOutput {
  let separator = '\n';
  const element = (message: VaultMessage): string => {
    const text = separator + messageJson(message);
    separator = ',\n';
    return text;
  };
  return { opening: '[', closing: '\n]\n', render: (messages) => renderText(messages, element) };
}

function* renderText(
  messages: Iterable<VaultMessage>,
  toText: (message: VaultMessage) => string,
): Generator<Uint8Array, void, undefined> {
  let text = '';
  for (const message of messages) {
    text += toText(message);
    if (text.length < PIECE_BYTES) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}

/** Each value and a line feed: what had been published line by line comes out as the file it was, to the last byte. */
function* values(messages: Iterable<VaultMessage>): Generator<Uint8Array, void, undefined> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for (const message of messages) {
    parts.push(message.value);
    if (message.header(UNTERMINATED_HEADER) === undefined) parts.push(LINE_FEED);
    bytes += message.value.byteLength + 1;
    if (bytes < PIECE_BYTES) continue;
    yield Buffer.concat(parts);
    parts = [];
    bytes = 0;
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}

/** The same JSON the HTTP interface gives, on one line. */
function messageJson(message: VaultMessage): string {
  const { offset, sequenceNumber, timestamp, id, key = null } = message;
  const known = { offset, sequenceNumber, timestamp, id, key, headers: headerMembers(message.headers) };
  return `${JSON.stringify(known).slice(0, -1)},${valueMember(message)}}`;
}

/** A header that is there more than once is a list. */
function headerMembers(headers: VaultMessage['headers']): Record<string, string | string[]> {
  const members = new Map<string, string | string[]>();
  for (const [name, value] of headers) {
    const before = members.get(name);
    members.set(name, before === undefined ? value : [before, value].flat());
  }
  return Object.fromEntries(members);
}

function valueMember({ kind, value }: VaultMessage): string {
  const bytes = bufferOf(value);
  // What a producer calls JSON or text may be neither: it is given as what it is.
  if (kind === 'bytes' || !isUtf8(bytes)) return `"valueBase64":"${bytes.toString('base64')}"`;
  const text = bytes.toString('utf8');
  // In valid JSON line breaks stand between tokens only, where a space means the same.
  if (kind === 'json' && isJson(text)) return `"value":${text.replace(/[\r\n]+/g, ' ')}`;
  return `"valueText":${JSON.stringify(text)}`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** One line for people: place, time, key, value. Nothing of it can drive a terminal. */
function pretty(message: VaultMessage): string {
  const key = message.key === undefined ? '' : `${printable(message.key)}  `;
  return `${message.sequenceNumber}  ${timeText(message.timestamp)}  ${key}${prettyValue(message)}\n`;
}

function prettyValue({ kind, value }: VaultMessage): string {
  const buffer = bufferOf(value);
  if (kind === 'bytes')
    return `${buffer.subarray(0, PRETTY_BYTES).toString('hex')}${more(value, PRETTY_BYTES)}`;
  return printable(buffer.subarray(0, PRETTY_CHARS).toString('utf8')) + more(value, PRETTY_CHARS);
}

function more(value: Uint8Array, shown: number): string {
  return value.byteLength > shown ? `… (${bytesText(value.byteLength)})` : '';
}
