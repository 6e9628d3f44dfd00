import {
  BATCH_HEADER_BYTES,
  type CommitHeader,
  encodeOffset,
  MAX_BATCH_BYTES,
  MAX_HEADER_NAME_BYTES,
  MAX_HEADER_VALUE_BYTES,
  MAX_HEADERS,
  MAX_KEY_BYTES,
  type Message,
  type MessageHeader,
  messageId,
  type ValueKind,
} from '@message-vault/framing';
import { MessageContent } from './content.ts';
import { VaultClientError } from './errors.ts';

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [member: string]: JsonValue | undefined };

/**
 * A message to publish. A bare string is text and a bare Uint8Array is bytes; everything else goes in `value`: a
 * string (text), a Uint8Array (bytes), or any other JSON value (JSON).
 */
export type OutgoingMessage = string | Uint8Array | OutgoingRecord;

export interface OutgoingRecord {
  readonly value: Uint8Array | JsonValue;
  /** Kept with the message. At most 1,024 bytes of UTF-8. */
  readonly key?: string | undefined;
  /** At most 128. As pairs, a name may repeat. */
  readonly headers?: Readonly<Record<string, string>> | readonly MessageHeader[] | undefined;
  /** How the value reads, where it is not what its type says: `json` for a string or bytes that hold JSON already. */
  readonly kind?: ValueKind | undefined;
}

/** A message as read back. */
export class VaultMessage extends MessageContent {
  /** Where it is. `offset + 1` as `from` goes on right after it. */
  readonly offset: number;
  readonly sequenceNumber: number;
  /** Milliseconds since 1970, given by the leader. */
  readonly timestamp: number;
  readonly #streamId: string;

  /** The `index`-th message of a commit. */
  constructor(commit: CommitHeader, index: number, message: Message) {
    super(message);
    this.offset = encodeOffset(commit.page, index);
    this.sequenceNumber = commit.firstSequenceNumber + index;
    this.timestamp = commit.timestamp;
    this.#streamId = commit.streamId;
  }

  /** UUIDv7, the same wherever the message is read. */
  get id(): string {
    return messageId(this.#streamId, this.timestamp, this.sequenceNumber);
  }
}

const NO_HEADERS: readonly MessageHeader[] = [];
const KINDS: ReadonlySet<unknown> = new Set<ValueKind>(['bytes', 'text', 'json']);

/** What is sent for `message`. Errors: `invalid_argument`, `too_large`. */
export function toWireMessage(message: OutgoingMessage): Message {
  if (typeof message === 'string') return { value: encodeText(message), kind: 'text', headers: NO_HEADERS };
  if (message instanceof Uint8Array) return { value: message, kind: 'bytes', headers: NO_HEADERS };
  if (typeof message !== 'object' || message === null || !('value' in message)) {
    throw invalid('a message is a string, a Uint8Array or an object with a `value`');
  }
  const { key, headers, kind } = message;
  if (key !== undefined) checkText('the key', key, MAX_KEY_BYTES);
  if (kind !== undefined && !KINDS.has(kind)) throw invalid('`kind` is bytes, text or json');
  const { bytes, natural } = encodeValue(message.value);
  return {
    key,
    value: bytes,
    kind: kind ?? natural,
    headers: headers === undefined ? NO_HEADERS : toWireHeaders(headers),
  };
}

function encodeValue(value: OutgoingRecord['value']): { bytes: Uint8Array; natural: ValueKind } {
  if (value instanceof Uint8Array) return { bytes: value, natural: 'bytes' };
  if (typeof value === 'string') return { bytes: encodeText(value), natural: 'text' };
  const json = stringify(value);
  if (json === undefined) throw invalid('the value has no JSON form');
  return { bytes: Buffer.from(json), natural: 'json' };
}

/** Half a character would be stored as another one: what is read must be what was published. */
function encodeText(text: string): Uint8Array {
  if (!text.isWellFormed()) throw invalid('the value is not a string of Unicode text');
  return Buffer.from(text);
}

function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw invalid('the value has no JSON form', cause);
  }
}

function toWireHeaders(headers: NonNullable<OutgoingRecord['headers']>): readonly MessageHeader[] {
  const entries: readonly MessageHeader[] = isPairs(headers) ? headers : Object.entries(headers);
  if (entries.length > MAX_HEADERS) throw invalid(`a message has at most ${MAX_HEADERS} headers`);
  for (const [name, value] of entries) {
    if (name === '') throw invalid('a header has a name');
    checkText('a header name', name, MAX_HEADER_NAME_BYTES);
    checkText(`the header ${name}`, value, MAX_HEADER_VALUE_BYTES);
  }
  return entries;
}

function isPairs(headers: NonNullable<OutgoingRecord['headers']>): headers is readonly MessageHeader[] {
  return Array.isArray(headers);
}

function checkText(what: string, text: unknown, maxBytes: number): void {
  if (typeof text !== 'string' || !text.isWellFormed())
    throw invalid(`${what} is not a string of Unicode text`);
  if (Buffer.byteLength(text) > maxBytes) throw invalid(`${what} is longer than ${maxBytes} bytes`);
}

function invalid(message: string, cause?: unknown): VaultClientError {
  return new VaultClientError('invalid_argument', message, { cause });
}

/** Attributes, and the lengths of record, key and header list as varints. */
const RECORD_OVERHEAD_BYTES = 16;
/** Two varints. */
const HEADER_OVERHEAD_BYTES = 8;

/** A little more than what the record of `message` takes in a batch: buffers and limits are reckoned with it. */
export function recordBytes(message: Message): number {
  let bytes = RECORD_OVERHEAD_BYTES + message.value.byteLength;
  if (message.key !== undefined) bytes += Buffer.byteLength(message.key);
  for (const [name, value] of message.headers) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + HEADER_OVERHEAD_BYTES;
  }
  return bytes;
}

/** The most `recordBytes` a message may have to be sure of fitting a batch of its own. */
export const MAX_MESSAGE_RECORD_BYTES = MAX_BATCH_BYTES - BATCH_HEADER_BYTES;
