import { RelayProtocolError } from './errors.ts';
import {
  type AnswerHead,
  decodeAnswerHead,
  decodeRequestHead,
  encodeAnswerHead,
  encodeRequestHead,
  type RequestHead,
} from './heads.ts';
import {
  FRAME_HEADER_BYTES,
  MAX_DATA_BYTES,
  MAX_FRAME_BYTES,
  MAX_REASON_BYTES,
  WINDOW_BYTES,
} from './limits.ts';

/*
 * A frame is one binary WebSocket message. Integers are little-endian.
 *
 * | offset | size | field |
 * | ---: | ---: | --- |
 * | 0 | 1 | type |
 * | 1 | 4 | stream, from 1; 0 is the connection |
 * | 5 | … | payload, by type |
 *
 * | type | name | sent by | payload |
 * | ---: | --- | --- | --- |
 * | 1 | request | hub | JSON `{"method","path","headers":[[name,value]…],"body":true or false}` |
 * | 2 | answer | listener | JSON `{"status","headers":[[name,value]…],"body":true or false}` |
 * | 3 | data | both | 1 to 65,536 bytes of the body |
 * | 4 | end | both | none: the body is complete |
 * | 5 | cancel | both | reason code (1 byte), UTF-8 text: the stream is over in both directions |
 * | 6 | credit | both | bytes (4): so many more may be sent |
 * | 7 | going away | both | none, stream 0: no more requests over this connection, those under way go on |
 */
const TYPES = { request: 1, answer: 2, data: 3, end: 4, cancel: 5, credit: 6, 'going-away': 7 } as const;

/** Why a stream was cancelled. On the wire by these numbers. */
const CANCEL_CODES = {
  /** The client does not wait for the answer any more. */
  'client-gone': 1,
  /** Nobody waits any more: it took too long. */
  'timed-out': 2,
  /** Whoever was to send more could not. */
  failed: 3,
  /** The request was not begun: another listener may have it. */
  refused: 4,
  /** The answer is complete and the rest of the request is not wanted. */
  answered: 5,
} as const;
export type CancelCode = keyof typeof CANCEL_CODES;

export type Frame =
  | { readonly type: 'request'; readonly stream: number; readonly head: RequestHead }
  | { readonly type: 'answer'; readonly stream: number; readonly head: AnswerHead }
  | { readonly type: 'data'; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly type: 'end'; readonly stream: number }
  | { readonly type: 'cancel'; readonly stream: number; readonly code: CancelCode; readonly reason: string }
  | { readonly type: 'credit'; readonly stream: number; readonly bytes: number }
  | { readonly type: 'going-away'; readonly stream: 0 };

const NAMES = new Map<number, keyof typeof TYPES>();
for (const name of ['request', 'answer', 'data', 'end', 'cancel', 'credit', 'going-away'] as const)
  NAMES.set(TYPES[name], name);

/** Throws RelayProtocolError: `too_large` for a head or data above the limits, `bad_frame` for a head HTTP does not allow. */
export function encodeFrame(frame: Frame): Uint8Array {
  const payload = payloadOf(frame);
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  bytes.writeUInt8(TYPES[frame.type], 0);
  bytes.writeUInt32LE(frame.stream, 1);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

function payloadOf(frame: Frame): Uint8Array {
  switch (frame.type) {
    case 'request':
      return encodeRequestHead(frame.head);
    case 'answer':
      return encodeAnswerHead(frame.head);
    case 'data':
      return checkedData(frame.bytes, 'too_large');
    case 'cancel':
      return Buffer.concat([Buffer.from([CANCEL_CODES[frame.code]]), shortened(frame.reason)]);
    case 'credit': {
      const bytes = Buffer.allocUnsafe(4);
      bytes.writeUInt32LE(frame.bytes);
      return bytes;
    }
    default:
      return new Uint8Array();
  }
}

/** Cut so that it is UTF-8 still. */
function shortened(reason: string): Uint8Array {
  const target = new Uint8Array(MAX_REASON_BYTES);
  return target.subarray(0, new TextEncoder().encodeInto(reason, target).written);
}

/** The payload is a view of `bytes`. Throws RelayProtocolError for whatever is not a frame. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < FRAME_HEADER_BYTES)
    throw new RelayProtocolError('bad_frame', `a frame of ${view.length} bytes`);
  if (view.length > MAX_FRAME_BYTES)
    throw new RelayProtocolError(
      'too_large',
      `a frame of ${view.length} bytes: the most is ${MAX_FRAME_BYTES}`,
    );
  const number = view.readUInt8(0);
  const stream = view.readUInt32LE(1);
  const type = NAMES.get(number);
  if (type === undefined) throw new RelayProtocolError('bad_frame', `there is no frame type ${number}`);
  if ((type === 'going-away') !== (stream === 0))
    throw new RelayProtocolError('bad_frame', `a frame ${type} for stream ${stream}`);
  return decodePayload(type, stream, view.subarray(FRAME_HEADER_BYTES));
}

function decodePayload(type: keyof typeof TYPES, stream: number, payload: Buffer): Frame {
  switch (type) {
    case 'request':
      return { type, stream, head: decodeRequestHead(payload) };
    case 'answer':
      return { type, stream, head: decodeAnswerHead(payload) };
    case 'data':
      return { type, stream, bytes: checkedData(payload, 'bad_frame') };
    case 'cancel':
      return { type, stream, ...decodeCancel(payload) };
    case 'credit':
      return { type, stream, bytes: decodeCredit(payload) };
    case 'end':
      checkEmpty(type, payload);
      return { type, stream };
    case 'going-away':
      checkEmpty(type, payload);
      return { type, stream: 0 };
  }
}

function checkedData(bytes: Uint8Array, code: 'too_large' | 'bad_frame'): Uint8Array {
  if (bytes.length > 0 && bytes.length <= MAX_DATA_BYTES) return bytes;
  throw new RelayProtocolError(code, `data of ${bytes.length} bytes: expected 1 to ${MAX_DATA_BYTES}`);
}

function decodeCancel(payload: Buffer): { code: CancelCode; reason: string } {
  const [number] = payload;
  for (const code of ['client-gone', 'timed-out', 'failed', 'refused', 'answered'] as const) {
    if (CANCEL_CODES[code] === number && payload.length <= 1 + MAX_REASON_BYTES)
      return { code, reason: payload.toString('utf8', 1) };
  }
  throw new RelayProtocolError('bad_frame', 'a cancel without a reason there is, or with too long a text');
}

/** Nobody can have more to give than the whole window. */
function decodeCredit(payload: Buffer): number {
  const bytes = payload.length === 4 ? payload.readUInt32LE() : 0;
  if (bytes > 0 && bytes <= WINDOW_BYTES) return bytes;
  throw new RelayProtocolError('bad_frame', `a credit that is not 1 to ${WINDOW_BYTES} bytes`);
}

function checkEmpty(type: string, payload: Uint8Array): void {
  if (payload.length > 0) throw new RelayProtocolError('bad_frame', `a frame ${type} with a payload`);
}
