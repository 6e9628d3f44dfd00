import { crc32 } from 'node:zlib';
import { encodeBatch } from '@message-vault/framing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEnvelope, type Envelope, encodeEnvelope, inlineRoom } from '../../src/queue/envelope.ts';

const ID = '0190a0a0-1234-7abc-8def-00112233aabb';

const plain: Envelope = {
  id: ID,
  enqueuedAt: 1_795_161_600_000,
  expiresAt: undefined,
  uncounted: 0,
  redrives: 0,
  deadLetter: undefined,
  body: { batch: Buffer.from('body') },
};

/** Version 1 as it was first written: what is stored is never read otherwise. */
const GOLDEN =
  '4d565131' +
  'dbaf4659' +
  '01000000' +
  '0190a0a012347abc8def00112233aabb' +
  '0030f8f7a1010000' +
  '0000000000000000' +
  '0000' +
  '0000' +
  '0000' +
  '0000' +
  '04000000' +
  '626f6479';

const texts = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 });
const envelopes: fc.Arbitrary<Envelope> = fc.record({
  id: fc.uuid(),
  enqueuedAt: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  expiresAt: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { nil: undefined }),
  uncounted: fc.nat({ max: 65_535 }),
  redrives: fc.nat({ max: 65_535 }),
  deadLetter: fc.option(fc.record({ reason: texts, source: texts }), { nil: undefined }),
  body: fc.oneof(
    fc.record({ batch: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) }),
    fc.record({ bodyId: fc.constantFrom(`m-ffffffffffff-${'0'.repeat(32)}`), byteLength: fc.nat() }),
  ),
});

describe('an envelope', () => {
  it('reads as it was written', () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        expect(decodeEnvelope(encodeEnvelope(envelope))).toEqual(envelope);
      }),
    );
  });

  it('is the bytes it has always been', () => {
    expect(Buffer.from(encodeEnvelope(plain)).toString('hex')).toBe(GOLDEN);
    expect(decodeEnvelope(Buffer.from(GOLDEN, 'hex'))).toEqual(plain);
  });

  it('with one bit changed, anywhere, is refused', () => {
    const bytes = encodeEnvelope({ ...plain, deadLetter: { reason: 'why', source: 'myapp/work' } });
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => decodeEnvelope(changed), `bit ${bit}`).toThrow(/^it /);
    }
  });

  it('cut short, or longer, is refused', () => {
    const bytes = encodeEnvelope(plain);
    for (let length = 0; length < bytes.length; length += 1)
      expect(() => decodeEnvelope(bytes.subarray(0, length))).toThrow(/^it /);
    expect(() => decodeEnvelope(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(/^it /);
  });

  it.each([
    ['of another version', 8, 2, 'version 2'],
    ['with a flag nobody knows', 9, 2, 'flags'],
    ['whose lengths do not add up', 52, 5, 'add up'],
    ['of a time beyond all times', 35, 1, 'time'],
  ])('%s is refused though its CRC is right', (_, at, value, says) => {
    const bytes = Buffer.from(encodeEnvelope(plain));
    bytes[at] = value;
    bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
    expect(() => decodeEnvelope(bytes)).toThrow(says);
  });

  it('cuts a reason that is too long between two characters', () => {
    const reason = `${'x'.repeat(1023)}ü and more`;
    const { deadLetter } = decodeEnvelope(
      encodeEnvelope({ ...plain, deadLetter: { reason, source: 'myapp/work' } }),
    );
    expect(deadLetter?.reason).toBe('x'.repeat(1023));
  });

  it('has room for a batch that fills a storage queue’s message to the byte', () => {
    const envelope = { ...plain, deadLetter: { reason: 'why', source: 'myapp/work' } };
    const batch = Buffer.alloc(inlineRoom(envelope));
    expect(encodeEnvelope({ ...envelope, body: { batch } })).toHaveLength(48 * 1024);
    expect(
      encodeBatch({ messages: [{ value: Buffer.alloc(0), kind: 'bytes', headers: [] }] }).length,
    ).toBeLessThan(100);
  });
});
