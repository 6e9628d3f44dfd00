import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  MAX_DATA_BYTES,
  MAX_FRAME_BYTES,
  MAX_STREAM,
  RelayProtocolError,
  WINDOW_BYTES,
} from '../src/index.ts';

const stream = fc.integer({ min: 1, max: MAX_STREAM });
const name = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}$/);
const value = fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,60}$/);
const headers = fc.array(fc.tuple(name, value), { maxLength: 10 });
const path = fc.stringMatching(/^\/[\x21-\x7e]{0,60}$/);
const body = fc.boolean();

const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: fc.constant('request' as const),
    stream,
    head: fc.record({ method: name, path, headers, body }),
  }),
  fc.record({
    type: fc.constant('answer' as const),
    stream,
    head: fc.record({ status: fc.integer({ min: 200, max: 599 }), headers, body }),
  }),
  fc.record({
    type: fc.constant('data' as const),
    stream,
    bytes: fc.uint8Array({ minLength: 1, maxLength: MAX_DATA_BYTES }).map((bytes) => Buffer.from(bytes)),
  }),
  fc.record({ type: fc.constant('end' as const), stream }),
  fc.record({
    type: fc.constant('cancel' as const),
    stream,
    code: fc.constantFrom('client-gone', 'timed-out', 'failed', 'refused', 'answered'),
    reason: fc.string({ unit: 'grapheme', maxLength: 100 }),
  }),
  fc.record({
    type: fc.constant('credit' as const),
    stream,
    bytes: fc.integer({ min: 1, max: WINDOW_BYTES }),
  }),
  fc.constant<Frame>({ type: 'going-away', stream: 0 }),
);

describe('any frame', () => {
  it('reads as it was written', () => {
    fc.assert(
      fc.property(frame, (written) => {
        expect(decodeFrame(encodeFrame(written))).toEqual(written);
      }),
    );
  });

  it('is refused or read, whatever its bytes: nothing else ever happens', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(frame, fc.nat(), fc.nat(255)).map(([whole, at, byte]) => {
        const broken = Uint8Array.from(encodeFrame(whole));
        broken[at % broken.length] = byte;
        return broken.subarray(0, MAX_FRAME_BYTES);
      }),
    );
    fc.assert(
      fc.property(bytes, (received) => {
        try {
          encodeFrame(decodeFrame(received));
        } catch (error) {
          expect(error).toBeInstanceOf(RelayProtocolError);
        }
      }),
    );
  });
});
