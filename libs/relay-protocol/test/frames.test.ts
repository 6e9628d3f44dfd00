import { describe, expect, it } from 'vitest';
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  MAX_DATA_BYTES,
  MAX_FRAME_BYTES,
  MAX_HEAD_BYTES,
  RelayProtocolError,
  WINDOW_BYTES,
} from '../src/index.ts';

const HEADERS = [
  ['accept', '*/*'],
  ['x-latin', 'caf\u00e9'],
] as const;

const FRAMES: readonly Frame[] = [
  { type: 'request', stream: 1, head: { method: 'POST', path: '/a?b=c', headers: HEADERS, body: true } },
  { type: 'answer', stream: 0xffff_ffff, head: { status: 204, headers: [], body: false } },
  { type: 'data', stream: 2, bytes: Buffer.from('hello') },
  { type: 'data', stream: 2, bytes: Buffer.alloc(MAX_DATA_BYTES, 7) },
  { type: 'end', stream: 3 },
  { type: 'cancel', stream: 4, code: 'refused', reason: 'too busy, désolé' },
  { type: 'credit', stream: 5, bytes: WINDOW_BYTES },
  { type: 'going-away', stream: 0 },
];

function raw(type: number, stream: number, payload: string | Uint8Array = ''): Uint8Array {
  const header = Buffer.alloc(5);
  header.writeUInt8(type, 0);
  header.writeUInt32LE(stream, 1);
  return Buffer.concat([header, Buffer.from(payload)]);
}

function head(members: object): Uint8Array {
  return raw(1, 1, JSON.stringify({ method: 'GET', path: '/', headers: [], body: false, ...members }));
}

function codeOf(bytes: Uint8Array): string {
  try {
    decodeFrame(bytes);
  } catch (error) {
    if (error instanceof RelayProtocolError) return error.code;
    throw error;
  }
  return 'it was taken';
}

describe('a frame', () => {
  it.each(FRAMES)('reads as it was written: $type', (frame) => {
    expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
  });

  it('has the bytes that are documented', () => {
    const bytes = encodeFrame({ type: 'cancel', stream: 258, code: 'timed-out', reason: 'x' });
    expect(Buffer.from(bytes).toString('hex')).toBe(`05${'02010000'}02${'78'}`);
  });

  it('cuts a reason that is too long between two characters', () => {
    const frame = decodeFrame(
      encodeFrame({ type: 'cancel', stream: 1, code: 'failed', reason: 'é'.repeat(700) }),
    );
    expect(frame).toMatchObject({ reason: 'é'.repeat(512) });
  });

  it.each<[what: string, bytes: Uint8Array, code: string]>([
    ['nothing', new Uint8Array(), 'bad_frame'],
    ['half a header', new Uint8Array(4), 'bad_frame'],
    ['an unknown type', raw(8, 1), 'bad_frame'],
    ['type 0', raw(0, 1), 'bad_frame'],
    ['a stream frame for the connection', raw(4, 0), 'bad_frame'],
    ['a connection frame for a stream', raw(7, 1), 'bad_frame'],
    ['empty data', raw(3, 1), 'bad_frame'],
    ['an end that carries something', raw(4, 1, 'x'), 'bad_frame'],
    ['a going-away that carries something', raw(7, 0, 'x'), 'bad_frame'],
    ['a credit of nothing', raw(6, 1, new Uint8Array(4)), 'bad_frame'],
    ['a credit of three bytes', raw(6, 1, new Uint8Array(3)), 'bad_frame'],
    ['a credit above the window', raw(6, 1, Uint8Array.of(1, 0, 4, 0)), 'bad_frame'],
    ['a cancel without a code', raw(5, 1), 'bad_frame'],
    ['a cancel with a code there is not', raw(5, 1, Uint8Array.of(9)), 'bad_frame'],
    ['a cancel that tells a story', raw(5, 1, Buffer.alloc(1026, 1)), 'bad_frame'],
    ['more than a frame may have', Buffer.alloc(MAX_FRAME_BYTES + 1, 3), 'too_large'],
    ['a head that is no JSON', raw(1, 1, '{'), 'bad_frame'],
    ['a head that is no UTF-8', raw(1, 1, Uint8Array.of(0x22, 0xff, 0x22)), 'bad_frame'],
    ['a head that is null', raw(1, 1, 'null'), 'bad_frame'],
    ['a method with a space', head({ method: 'GET /' }), 'bad_frame'],
    ['a path without its slash', head({ path: 'x' }), 'bad_frame'],
    ['a path with a line break', head({ path: '/\r\nx: y' }), 'bad_frame'],
    ['headers that are no list', head({ headers: {} }), 'bad_frame'],
    ['a header of three', head({ headers: [['a', 'b', 'c']] }), 'bad_frame'],
    ['a header name with a colon', head({ headers: [['a:b', 'c']] }), 'bad_frame'],
    ['a header value with a line break', head({ headers: [['a', 'b\r\nc: d']] }), 'bad_frame'],
    ['a head that says nothing of a body', head({ body: 'yes' }), 'bad_frame'],
    ['an answer with status 101', raw(2, 1, '{"status":101,"headers":[],"body":false}'), 'bad_frame'],
    ['an answer with status 20.5', raw(2, 1, '{"status":200.5,"headers":[],"body":false}'), 'bad_frame'],
  ])('is refused when it is %s', (_what, bytes, code) => {
    expect(codeOf(bytes)).toBe(code);
  });

  it('is refused to be written when HTTP does not allow what is in its head', () => {
    const headers = [['x', 'y\r\nset-cookie: z']] as const;
    expect(() =>
      encodeFrame({ type: 'answer', stream: 1, head: { status: 200, headers, body: false } }),
    ).toThrow(RelayProtocolError);
  });

  it('is refused to be written when its head or data is too large', () => {
    const headers = [['x', 'y'.repeat(MAX_HEAD_BYTES)]] as const;
    expect(() =>
      encodeFrame({ type: 'answer', stream: 1, head: { status: 200, headers, body: false } }),
    ).toThrow(RelayProtocolError);
    expect(() => encodeFrame({ type: 'data', stream: 1, bytes: new Uint8Array(MAX_DATA_BYTES + 1) })).toThrow(
      RelayProtocolError,
    );
  });
});
