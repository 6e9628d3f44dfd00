import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { decodeOffset, encodeOffset, MAX_PAGE, messageId, parseMessageId, streamHash } from '../src/index.ts';
import { refusalOf, timestamps, uuids } from './arbitrary.ts';

const pages = fc.maxSafeNat().map((number) => Math.floor(number / 65_536));
const indexes = fc.nat({ max: 65_535 });

describe('an offset', () => {
  it('leads back to its page and index, and stays a safe integer up to the last page', () => {
    fc.assert(
      fc.property(pages, indexes, (page, index) => {
        expect(decodeOffset(encodeOffset(page, index))).toEqual({ page, index });
      }),
    );
    expect(encodeOffset(MAX_PAGE, 65_535)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('sorts by page, then by index', () => {
    fc.assert(
      fc.property(pages, indexes, pages, indexes, (pageA, indexA, pageB, indexB) => {
        const byOffset = Math.sign(encodeOffset(pageA, indexA) - encodeOffset(pageB, indexB));
        expect(byOffset).toBe(Math.sign(pageA - pageB) || Math.sign(indexA - indexB));
      }),
    );
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])('%s is none', (offset) => {
    expect(refusalOf(() => decodeOffset(offset)).code).toBe('bad_value');
  });

  test.each([
    [-1, 0],
    [2 ** 37, 0],
    [0.5, 0],
    [0, -1],
    [0, 65_536],
    [0, Number.NaN],
  ])('there is none for page %s, index %s', (page, index) => {
    expect(refusalOf(() => encodeOffset(page, index)).code).toBe('bad_value');
  });
});

describe('a message id', () => {
  it('is a UUIDv7 that can be taken apart again', () => {
    fc.assert(
      fc.property(uuids, timestamps, fc.maxSafeNat(), (streamId, timestamp, sequenceNumber) => {
        const id = messageId(streamId, timestamp, sequenceNumber);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(parseMessageId(id)).toEqual({ timestamp, sequenceNumber, streamHash: streamHash(streamId) });
        expect(parseMessageId(id.toUpperCase())).toEqual(parseMessageId(id));
        expect(messageId(streamId.toUpperCase(), timestamp, sequenceNumber)).toBe(id);
      }),
    );
  });

  it('sorts, as text, by time and then by sequence number', () => {
    const part = fc.tuple(timestamps, fc.maxSafeNat());
    fc.assert(
      fc.property(uuids, part, part, (streamId, [timeA, sequenceA], [timeB, sequenceB]) => {
        const a = messageId(streamId, timeA, sequenceA);
        const b = messageId(streamId, timeB, sequenceB);
        const order = Math.sign(timeA - timeB) || Math.sign(sequenceA - sequenceB);
        expect(a < b ? -1 : Number(a > b)).toBe(order);
      }),
    );
  });

  it('differs between streams for the same time and sequence number', () => {
    const ids = Array.from({ length: 100 }, () => messageId(crypto.randomUUID(), 1, 1));
    expect(new Set(ids).size).toBeGreaterThan(97);
  });

  test.each([
    ['a negative timestamp', -1, 0],
    ['a timestamp above 48 bits', 2 ** 48, 0],
    ['a fractional sequence number', 0, 0.5],
    ['a sequence number above 2^53 - 1', 0, 2 ** 53],
  ])('is not made from %s', (_, timestamp, sequenceNumber) => {
    expect(refusalOf(() => messageId(crypto.randomUUID(), timestamp, sequenceNumber)).code).toBe('bad_value');
  });

  it('is not made for a stream that is no UUID', () => {
    expect(refusalOf(() => messageId('orders', 0, 0)).code).toBe('bad_value');
  });
});
