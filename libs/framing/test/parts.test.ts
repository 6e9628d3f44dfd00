import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { Cursor } from '../src/cursor.ts';
import { assertFieldsFill } from '../src/layout.ts';
import { varintBytes, writeVarint } from '../src/varint.ts';
import { refusalOf } from './arbitrary.ts';

function cursorOver(bytes: Uint8Array): Cursor {
  return new Cursor(bytes, { start: 0, end: bytes.byteLength, base: 0 });
}

describe('a varint', () => {
  const values = fc.oneof(
    fc.nat({ max: 2 ** 32 - 1 }),
    fc.constantFrom(0, 127, 128, 16_383, 16_384, 2 ** 21 - 1, 2 ** 21, 2 ** 28 - 1, 2 ** 28, 2 ** 32 - 1),
  );

  it('gives back its value and takes the bytes it was said to take', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = new Uint8Array(8);
        const end = writeVarint(bytes, 1, value);
        expect(end - 1).toBe(varintBytes(value));
        const cursor = new Cursor(bytes, { start: 1, end, base: 0 });
        expect(cursor.varint('value')).toBe(value);
        expect(cursor.at).toBe(end);
      }),
    );
  });

  it('has one valid form: with a zero byte more it is refused', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 28 - 1 }), (value) => {
        const bytes = new Uint8Array(varintBytes(value) + 1);
        const end = writeVarint(bytes, 0, value);
        bytes[end - 1] = (bytes[end - 1] ?? 0) | 0x80;
        expect(refusalOf(() => cursorOver(bytes).varint('value'))).toEqual({ code: 'bad_record', at: 0 });
      }),
    );
  });
});

describe('text', () => {
  it('of any length and alphabet is accepted exactly when it is UTF-8', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc.string({ unit: 'binary', maxLength: 60 }).map((text) => new TextEncoder().encode(text)),
      fc.string({ unit: 'grapheme-ascii', maxLength: 120 }).map((text) => new TextEncoder().encode(text)),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        let expected: string | undefined;
        try {
          expected = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input);
        } catch {
          expected = undefined;
        }
        const read = () => cursorOver(input).text(input.byteLength, 1000, 'text');
        if (expected === undefined) expect(refusalOf(read)).toEqual({ code: 'bad_utf8', at: 0 });
        else expect(read()).toBe(expected);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a table of fields', () => {
  const a = { at: 0, bytes: 4 };
  test.each([
    ['leave a gap', { a, b: { at: 5, bytes: 3 } }],
    ['overlap', { a, b: { at: 3, bytes: 5 } }],
    ['end early', { a, b: { at: 4, bytes: 3 } }],
    ['end late', { a, b: { at: 4, bytes: 5 } }],
  ])('is refused when its fields %s', (_, fields) => {
    expect(() => assertFieldsFill('a shape', 8, fields)).toThrow(/a shape/);
    expect(() => assertFieldsFill('a shape', 8, { a, b: { at: 4, bytes: 4 } })).not.toThrow();
  });
});
