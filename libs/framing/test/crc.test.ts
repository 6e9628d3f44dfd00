import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinCrcs } from '../src/crc.ts';
import { decodeBatch, decodeCommit, encodeBatch, encodeCommit, skipsAfter } from '../src/index.ts';
import { refusalOf } from './arbitrary.ts';

const PLACE = {
  streamId: '3e8f5b1c-90d2-4a67-b4e1-7d2c6a0f8b35',
  epoch: 1,
  page: 0,
  number: 0,
  firstSequenceNumber: 0,
  timestamp: 1_795_162_800_000,
  skips: skipsAfter(undefined),
  lastInSegment: false,
};

function batchOf(valueBytes: number): Uint8Array<ArrayBuffer> {
  const value = Uint8Array.from({ length: valueBytes }, (_, index) => (index * 7919) >> 3);
  return encodeBatch({ messages: [{ value, kind: 'bytes', headers: [] }] });
}

describe('the CRCs of two pieces', () => {
  it('give that of both in a row', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array({ maxLength: 5000 }), (first, second) => {
        const both = crc32(Buffer.concat([first, second]));
        expect(joinCrcs(crc32(first), crc32(second), second.byteLength)).toBe(both);
      }),
    );
  });

  it('do so for pieces as long as a commit', () => {
    const [first, second] = [batchOf(1_000_000), batchOf(3_000_000)];
    const both = crc32(Buffer.concat([first, second]));
    expect(joinCrcs(crc32(first), crc32(second), second.byteLength)).toBe(both);
  });
});

describe('the CRC of a batch', () => {
  it('is that of its bytes, of however many records it is made', () => {
    const value = Uint8Array.from({ length: 1000 }, (_, index) => index * 31);
    const messages = Array.from({ length: 300 }, () => ({ value, kind: 'bytes' as const, headers: [] }));
    expect(decodeBatch(encodeBatch({ messages })).messages).toHaveLength(300);
  });
});

describe('the CRC of a commit', () => {
  it('is that of its body, of whatever batches it is made', () => {
    const checkpoint = new Uint8Array([1, 2, 3]);
    const batches = [batchOf(10), batchOf(200_000), batchOf(32 * 1024), batchOf(1), batchOf(1_000_000)];
    const bytes = encodeCommit({ ...PLACE, messageCount: batches.length, batches, checkpoint });
    const decoded = decodeCommit(bytes);
    expect(decoded.batches).toEqual(batches);
    expect(decoded.checkpoint).toEqual(checkpoint);
  });

  it('gives away a large batch that has changed since its producer framed it', () => {
    const batch = batchOf(200_000);
    batch[100_000] = (batch[100_000] ?? 0) ^ 1;
    expect(refusalOf(() => decodeBatch(batch))).toMatchObject({ code: 'bad_crc' });
    const bytes = encodeCommit({ ...PLACE, messageCount: 1, batches: [batch] });
    expect(refusalOf(() => decodeCommit(bytes))).toMatchObject({ code: 'bad_crc' });
  });
});

describe('a commit put into memory that was used before', () => {
  it('is the same as one in memory of its own, and leaves the rest alone', () => {
    const room = new Uint8Array(1024 * 1024).fill(0xaa);
    const commit = { ...PLACE, messageCount: 2, batches: [batchOf(70_000), batchOf(5)] };
    const bytes = encodeCommit(commit, room);
    expect(bytes.buffer).toBe(room.buffer);
    expect(bytes).toEqual(encodeCommit(commit));
    expect(room.subarray(bytes.byteLength).every((byte) => byte === 0xaa)).toBe(true);
  });

  it('takes memory of its own when there is too little room', () => {
    const room = new Uint8Array(512);
    const bytes = encodeCommit({ ...PLACE, messageCount: 1, batches: [batchOf(70_000)] }, room);
    expect(bytes.buffer).not.toBe(room.buffer);
    expect(decodeCommit(bytes).header.messageCount).toBe(1);
  });
});
