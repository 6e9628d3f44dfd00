/*
 * Record: one message inside a batch. All lengths and counts are varints (see varint.ts).
 *
 *   size      field
 *   varint    length of everything below
 *        1    attributes: bits 0-1 kind of the value (0 bytes, 1 text, 2 json, 3 not valid), other bits zero
 *   varint    length of the key + 1; 0 when the message has no key
 *   …         key, UTF-8
 *   varint    number of headers, then for each:
 *     varint    length of the name (at least 1)
 *     …         name, UTF-8
 *     varint    length of the value
 *     …         value, UTF-8
 *   …         value: the rest of the record, opaque
 */
import { Buffer } from 'node:buffer';
import type { Cursor } from './cursor.ts';
import { FramingError } from './errors.ts';
import {
  MAX_HEADER_NAME_BYTES,
  MAX_HEADER_VALUE_BYTES,
  MAX_HEADERS,
  MAX_KEY_BYTES,
  MAX_RECORDS_BYTES,
} from './limits.ts';
import { varintBytes, writeVarint } from './varint.ts';

/** How the producer says the value reads. A claim: the codecs never look into values. */
export type ValueKind = 'bytes' | 'text' | 'json';

/** Its place is its number on the wire; never reordered. */
const KINDS: readonly ValueKind[] = ['bytes', 'text', 'json'];
const KIND_BITS = 0b11;

/** The smallest record: length, attributes, no key, no headers, an empty value. */
export const MIN_RECORD_BYTES = 4;

export type MessageHeader = readonly [name: string, value: string];

/** What a producer publishes and a consumer gets back. */
export interface Message {
  /** Up to MAX_KEY_BYTES of UTF-8. The empty key is a key; undefined is none. */
  readonly key?: string | undefined;
  readonly value: Uint8Array;
  readonly kind: ValueKind;
  /** In the producer's order; names may repeat. At most MAX_HEADERS. */
  readonly headers: readonly MessageHeader[];
}

/** The sizes of a message's record, in bytes. */
export interface RecordSize {
  /** What follows the record's own length. */
  readonly body: number;
  /** The whole record. */
  readonly total: number;
}

/** Measures a message and refuses what no record can hold. `at` is where the record would start, for the error. */
export function recordSize(message: Message, at: number): RecordSize {
  if (message.headers.length > MAX_HEADERS) {
    throw new FramingError(
      'too_large',
      at,
      `${message.headers.length} headers, at most ${MAX_HEADERS} allowed`,
    );
  }
  if (!KINDS.includes(message.kind))
    throw new FramingError('bad_value', at, `unknown kind of value ${message.kind}`);
  let body = 1 + varintBytes(message.headers.length) + message.value.byteLength;
  body +=
    message.key === undefined ? 1 : sizedText(message.key, { what: 'key', max: MAX_KEY_BYTES, extra: 1, at });
  for (const [name, value] of message.headers) {
    if (name === '') throw new FramingError('bad_record', at, 'a header name must not be empty');
    body += sizedText(name, { what: 'header name', max: MAX_HEADER_NAME_BYTES, extra: 0, at });
    body += sizedText(value, { what: 'header value', max: MAX_HEADER_VALUE_BYTES, extra: 0, at });
  }
  if (body > MAX_RECORDS_BYTES) {
    throw new FramingError(
      'too_large',
      at,
      `a record of ${body} bytes, at most ${MAX_RECORDS_BYTES} allowed`,
    );
  }
  return { body, total: varintBytes(body) + body };
}

function sizedText(text: string, rule: { what: string; max: number; extra: number; at: number }): number {
  const bytes = Buffer.byteLength(text, 'utf8');
  if (bytes > rule.max) {
    throw new FramingError(
      'too_large',
      rule.at,
      `${rule.what} has ${bytes} bytes, at most ${rule.max} allowed`,
    );
  }
  if (!text.isWellFormed()) throw new FramingError('bad_utf8', rule.at, `${rule.what} has a lone surrogate`);
  return varintBytes(bytes + rule.extra) + bytes;
}

/** Writes a measured message at `at` and returns where its record ends. The caller has made room. */
export function writeRecord(bytes: Buffer, at: number, message: Message, size: RecordSize): number {
  let position = writeVarint(bytes, at, size.body);
  bytes[position] = KINDS.indexOf(message.kind);
  position += 1;
  position =
    message.key === undefined ? writeVarint(bytes, position, 0) : writeText(bytes, position, message.key, 1);
  position = writeVarint(bytes, position, message.headers.length);
  for (const [name, value] of message.headers) {
    position = writeText(bytes, position, name, 0);
    position = writeText(bytes, position, value, 0);
  }
  bytes.set(message.value, position);
  return position + message.value.byteLength;
}

function writeText(bytes: Buffer, at: number, text: string, extra: number): number {
  const length = Buffer.byteLength(text, 'utf8');
  const start = writeVarint(bytes, at, length + extra);
  return start + bytes.write(text, start, length, 'utf8');
}

/** Steps over one record, checking all of it, and allocates nothing. */
export function checkRecord(cursor: Cursor): void {
  const end = recordEnd(cursor);
  kindOf(cursor);
  const key = cursor.varint('key length');
  if (key > 0) cursor.skipText(key - 1, MAX_KEY_BYTES, 'key');
  for (let left = headerCount(cursor); left > 0; left -= 1) {
    cursor.skipText(nameLength(cursor), MAX_HEADER_NAME_BYTES, 'header name');
    cursor.skipText(cursor.varint('header value length'), MAX_HEADER_VALUE_BYTES, 'header value');
  }
  closeRecord(cursor, end);
}

/** Reads one record with the same checks. The value is a view of the cursor's bytes, not a copy. */
export function readRecord(cursor: Cursor): Message {
  const end = recordEnd(cursor);
  const kind = kindOf(cursor);
  const keyLength = cursor.varint('key length');
  const key = keyLength > 0 ? cursor.text(keyLength - 1, MAX_KEY_BYTES, 'key') : undefined;
  const headers: MessageHeader[] = [];
  for (let left = headerCount(cursor); left > 0; left -= 1) {
    const name = cursor.text(nameLength(cursor), MAX_HEADER_NAME_BYTES, 'header name');
    headers.push([
      name,
      cursor.text(cursor.varint('header value length'), MAX_HEADER_VALUE_BYTES, 'header value'),
    ]);
  }
  const value = cursor.view(cursor.at, cursor.end);
  closeRecord(cursor, end);
  return { key, value, kind, headers };
}

/** Narrows the cursor to one record and returns where the outer range ended. */
function recordEnd(cursor: Cursor): number {
  const start = cursor.at;
  const length = cursor.varint('record length');
  const outerEnd = cursor.end;
  if (length > outerEnd - cursor.at)
    cursor.fail('bad_record', start, 'a record reaches past the end of the records');
  cursor.end = cursor.at + length;
  return outerEnd;
}

/** The value is all that is left of the record: step over it and give the cursor its outer range back. */
function closeRecord(cursor: Cursor, outerEnd: number): void {
  cursor.at = cursor.end;
  cursor.end = outerEnd;
}

function kindOf(cursor: Cursor): ValueKind {
  const at = cursor.at;
  const attributes = cursor.byte('attributes');
  if (attributes > KIND_BITS)
    cursor.fail('reserved_not_zero', at, `attribute bits 0x${attributes.toString(16)}`);
  return KINDS[attributes] ?? cursor.fail('bad_record', at, `unknown kind of value ${attributes}`);
}

function headerCount(cursor: Cursor): number {
  const at = cursor.at;
  const count = cursor.varint('header count');
  if (count > MAX_HEADERS) cursor.fail('too_large', at, `${count} headers, at most ${MAX_HEADERS} allowed`);
  return count;
}

function nameLength(cursor: Cursor): number {
  const at = cursor.at;
  const length = cursor.varint('header name length');
  return length === 0 ? cursor.fail('bad_record', at, 'a header name must not be empty') : length;
}
