import { RelayProtocolError } from './errors.ts';
import { MAX_HEAD_BYTES } from './limits.ts';

/** Names and values in the order they came; a name may repeat. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

export interface RequestHead {
  readonly method: string;
  /** Path and query, beginning with a slash. */
  readonly path: string;
  readonly headers: HeaderList;
  /** False when no data and no end follow. */
  readonly body: boolean;
}

export interface AnswerHead {
  /** 200 to 599. */
  readonly status: number;
  readonly headers: HeaderList;
  /** False when no data and no end follow: the answer is complete. */
  readonly body: boolean;
}

// As RFC 9110 has them: what is not such a name or value must never get into a header on the other side.
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const PATH = /^\/[\x21-\x7e]*$/;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Throws RelayProtocolError `too_large`, and `bad_frame` for what HTTP does not allow. */
export function encodeRequestHead(head: RequestHead): Uint8Array {
  return encoded(checkedRequest({ ...head }));
}

/** Throws as `encodeRequestHead`. */
export function encodeAnswerHead(head: AnswerHead): Uint8Array {
  return encoded(checkedAnswer({ ...head }));
}

function encoded(head: RequestHead | AnswerHead): Uint8Array {
  const bytes = Buffer.from(JSON.stringify(head));
  if (bytes.length > MAX_HEAD_BYTES)
    throw new RelayProtocolError(
      'too_large',
      `a head of ${bytes.length} bytes: the most is ${MAX_HEAD_BYTES}`,
    );
  return bytes;
}

export function decodeRequestHead(payload: Uint8Array): RequestHead {
  return checkedRequest(members(payload));
}

export function decodeAnswerHead(payload: Uint8Array): AnswerHead {
  return checkedAnswer(members(payload));
}

function checkedRequest({ method, path, headers, body }: Record<string, unknown>): RequestHead {
  if (typeof method !== 'string' || !TOKEN.test(method)) throw bad('a request without a method');
  if (typeof path !== 'string' || !PATH.test(path)) throw bad('a request without a path');
  return { method, path, headers: headerList(headers), body: flag(body) };
}

function checkedAnswer({ status, headers, body }: Record<string, unknown>): AnswerHead {
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599)
    throw bad('an answer without a status from 200 to 599');
  return { status, headers: headerList(headers), body: flag(body) };
}

function members(payload: Uint8Array): Record<string, unknown> {
  if (payload.length > MAX_HEAD_BYTES)
    throw new RelayProtocolError(
      'too_large',
      `a head of ${payload.length} bytes: the most is ${MAX_HEAD_BYTES}`,
    );
  const parsed = parse(payload);
  if (typeof parsed !== 'object' || parsed === null) throw bad('a head that is not an object');
  return { ...parsed };
}

function parse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(payload));
  } catch {
    throw bad('a head that is not JSON');
  }
}

function headerList(value: unknown): HeaderList {
  if (!Array.isArray(value)) throw bad('a head without a list of headers');
  return value.map((pair: unknown): readonly [string, string] => {
    const [name, text, ...more]: unknown[] = Array.isArray(pair) ? pair : [];
    if (typeof name !== 'string' || typeof text !== 'string' || more.length > 0)
      throw bad('a header that is not a name and a value');
    if (!TOKEN.test(name) || !FIELD_VALUE.test(text)) throw bad('a header that HTTP does not allow');
    return [name, text];
  });
}

function flag(value: unknown): boolean {
  if (typeof value !== 'boolean') throw bad('a head that does not say whether a body follows');
  return value;
}

function bad(message: string): RelayProtocolError {
  return new RelayProtocolError('bad_frame', message);
}
