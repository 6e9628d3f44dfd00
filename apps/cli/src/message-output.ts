import { contentJson, type Message } from '@message-vault/framing';
import { UNTERMINATED_HEADER } from './publish/line-messages.ts';
import { bytesText, printable, timeText } from './text.ts';

export type OutputFormat = 'json' | 'ndjson' | 'values' | 'pretty';
export const OUTPUT_FORMATS: readonly OutputFormat[] = ['json', 'ndjson', 'values', 'pretty'];

/** What all messages have, wherever they come from. */
export interface PrintedMessage extends Message {
  header(name: string): string | undefined;
}

/** What is told of a message besides key, headers and value. */
export interface MessageLook<M extends PrintedMessage> {
  /** In JSON, before all else; at least one. */
  members(message: M): Readonly<Record<string, unknown>>;
  /** On the line for people, before all else. */
  lead(message: M): readonly string[];
}

/** Turns messages into what is printed, in pieces of bounded size. */
export interface MessageOutput<M extends PrintedMessage = PlacedMessage> {
  readonly opening: string;
  render(messages: Iterable<M>): Generator<Uint8Array, void, undefined>;
  readonly closing: string;
}

/** A message of a stream, a router's own included. */
interface PlacedMessage extends PrintedMessage {
  readonly offset: number;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly id: string;
}

export const streamLook: MessageLook<PlacedMessage> = {
  members: ({ offset, sequenceNumber, timestamp, id }) => ({ offset, sequenceNumber, timestamp, id }),
  lead: ({ sequenceNumber, timestamp }) => [String(sequenceNumber), timeText(timestamp)],
};

const LINE_FEED = Uint8Array.of(0x0a);
/** A piece is written when it has this much. */
const PIECE_BYTES = 256 * 1024;
/** Of a value, as much as people look at. */
const PRETTY_CHARS = 2000;
const PRETTY_BYTES = 64;

export function messageOutput<M extends PrintedMessage>(
  format: OutputFormat,
  look: MessageLook<M>,
): MessageOutput<M> {
  switch (format) {
    case 'json':
      return jsonArray((message) => messageJson(message, look));
    case 'ndjson':
      return lines((message) => `${messageJson(message, look)}\n`);
    case 'pretty':
      return lines((message) => pretty(message, look));
    case 'values':
      return { opening: '', closing: '', render: values };
  }
}

function lines<M>(line: (message: M) => string): MessageOutput<M & PrintedMessage> {
  return { opening: '', closing: '', render: (messages) => renderText(messages, line) };
}

function jsonArray<M>(toJson: (message: M) => string): MessageOutput<M & PrintedMessage> {
  let separator = '\n';
  const element = (message: M): string => {
    const text = separator + toJson(message);
    separator = ',\n';
    return text;
  };
  return { opening: '[', closing: '\n]\n', render: (messages) => renderText(messages, element) };
}

function* renderText<M>(
  messages: Iterable<M>,
  toText: (message: M) => string,
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
function* values(messages: Iterable<PrintedMessage>): Generator<Uint8Array, void, undefined> {
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
function messageJson<M extends PrintedMessage>(message: M, look: MessageLook<M>): string {
  return `${JSON.stringify(look.members(message)).slice(0, -1)},${contentJson(message)}}`;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** One line for people: place, time, key, value. Nothing of it can drive a terminal. */
function pretty<M extends PrintedMessage>(message: M, look: MessageLook<M>): string {
  const key = message.key === undefined ? [] : [printable(message.key)];
  return `${[...look.lead(message), ...key, prettyValue(message)].join('  ')}\n`;
}

function prettyValue({ kind, value }: PrintedMessage): string {
  const buffer = bufferOf(value);
  if (kind === 'bytes')
    return `${buffer.subarray(0, PRETTY_BYTES).toString('hex')}${more(value, PRETTY_BYTES)}`;
  return printable(buffer.subarray(0, PRETTY_CHARS).toString('utf8')) + more(value, PRETTY_CHARS);
}

function more(value: Uint8Array, shown: number): string {
  return value.byteLength > shown ? `… (${bytesText(value.byteLength)})` : '';
}
