import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  COMMIT_HEADER_BYTES,
  type Commit,
  CommitBody,
  commitBodyCapacity,
  commitByteLength,
  commitPages,
  commitRoom,
  decodeCommit,
  decodeCommitHeader,
  encodeBatch,
  encodeCommit,
  isBlank,
  MAX_BATCH_BYTES,
  MAX_COMMIT_BYTES,
  PAGE_BYTES,
  readTrailer,
  skipsAfter,
} from '../src/index.ts';
import { commits, refusalOf } from './arbitrary.ts';
import { goldenBytes } from './golden.ts';

const FIRST: Commit = {
  streamId: '3e8f5b1c-90d2-4a67-b4e1-7d2c6a0f8b35',
  epoch: 1,
  page: 0,
  number: 0,
  firstSequenceNumber: 0,
  timestamp: 1_795_162_800_000,
  skips: skipsAfter(undefined),
  messageCount: 0,
  lastInSegment: false,
  batches: [],
};

function batchOf(count: number): Uint8Array {
  const message = { value: new Uint8Array(3), kind: 'bytes' as const, headers: [] };
  return encodeBatch({ messages: Array.from({ length: count }, () => message) });
}

describe('a commit', () => {
  it('gives back the place, batches and checkpoint it was made from', () => {
    fc.assert(
      fc.property(commits, (commit) => {
        const bytes = encodeCommit(commit);
        const { batches, checkpoint, ...place } = commit;
        const decoded = decodeCommit(bytes, 0, commit);
        expect(decoded.header).toMatchObject(place);
        expect(decoded.batches).toEqual(batches);
        expect(decoded.checkpoint).toEqual(checkpoint);
        expect(decodeCommitHeader(bytes)).toEqual(decoded.header);
      }),
    );
  });

  it('is the same whether its batches come one by one or all at once', () => {
    fc.assert(
      fc.property(commits, (commit) => {
        const body = new CommitBody(commitRoom(MAX_COMMIT_BYTES));
        for (const batch of commit.batches) body.add(batch);
        const { batches, checkpoint, ...place } = commit;
        expect(Buffer.compare(body.seal(place, checkpoint), encodeCommit(commit))).toBe(0);
      }),
    );
  });

  it('takes no batch and no checkpoint that its room is too small for', () => {
    const batch = batchOf(1);
    const body = new CommitBody(commitRoom(PAGE_BYTES));
    body.add(batch);
    expect(refusalOf(() => body.add(new Uint8Array(PAGE_BYTES)))).toMatchObject({ code: 'too_large' });
    expect(refusalOf(() => body.seal(FIRST, new Uint8Array(PAGE_BYTES)))).toMatchObject({
      code: 'too_large',
    });
    const { batches } = decodeCommit(body.seal({ ...FIRST, messageCount: 1 }));
    expect(batches).toEqual([batch]);
  });

  it('takes whole pages, no more than it needs, and says so in header and trailer', () => {
    fc.assert(
      fc.property(commits, (commit) => {
        const bytes = encodeCommit(commit);
        const { header } = decodeCommit(bytes);
        expect(bytes.byteLength).toBe(header.pages * PAGE_BYTES);
        expect(bytes.byteLength).toBe(commitByteLength(header.bodyBytes));
        expect(commitBodyCapacity(bytes.byteLength)).toBeGreaterThanOrEqual(header.bodyBytes);
        expect(commitBodyCapacity(bytes.byteLength - PAGE_BYTES)).toBeLessThan(Math.max(1, header.bodyBytes));
        expect(readTrailer(bytes, bytes.byteLength)).toEqual({ byteLength: bytes.byteLength });
      }),
    );
  });

  it('is read in the middle of others, and lends its parts instead of copying them', () => {
    const full = goldenBytes('commit-full.hex');
    const around = Buffer.concat([goldenBytes('commit-first.hex'), full, Buffer.alloc(700, 0xee)]);
    const decoded = decodeCommit(around, 512, { page: 901, streamId: FIRST.streamId.toUpperCase() });
    expect(decoded.header).toEqual(decodeCommit(full).header);
    for (const part of [...decoded.batches, decoded.checkpoint]) expect(part?.buffer).toBe(around.buffer);
  });

  it('holds as much as one write may carry, and not a byte more', () => {
    const capacity = commitBodyCapacity();
    expect(capacity).toBeGreaterThanOrEqual(MAX_BATCH_BYTES);
    const largest = encodeCommit({ ...FIRST, checkpoint: new Uint8Array(capacity) });
    expect(largest.byteLength).toBe(MAX_COMMIT_BYTES);
    expect(decodeCommit(largest).header.bodyBytes).toBe(capacity);
    const over = { ...FIRST, checkpoint: new Uint8Array(capacity + 1) };
    expect(refusalOf(() => encodeCommit(over))).toEqual({ code: 'too_large', at: 80 });
  });

  it('has a capacity that is exact for any size a writer may set', () => {
    fc.assert(
      fc.property(fc.integer({ min: PAGE_BYTES, max: 2 * MAX_COMMIT_BYTES }), (maxBytes) => {
        const capacity = commitBodyCapacity(maxBytes);
        const allowed = Math.min(maxBytes, MAX_COMMIT_BYTES);
        expect(commitPages(capacity) * PAGE_BYTES).toBeLessThanOrEqual(allowed);
        expect(commitPages(capacity + 1) * PAGE_BYTES).toBeGreaterThan(allowed);
      }),
    );
    expect(commitBodyCapacity(100)).toBe(0);
  });
});

describe('a commit that must not be written', () => {
  const refused: [string, string, Partial<Commit>][] = [
    ['counts more messages than its batches hold', 'bad_count', { batches: [batchOf(2)], messageCount: 3 }],
    ['counts fewer messages than its batches hold', 'bad_count', { batches: [batchOf(2)], messageCount: 1 }],
    ['holds more messages than an offset can tell apart', 'bad_count', { messageCount: 65_536 }],
    ['holds something that is no batch', 'bad_magic', { batches: [new Uint8Array(60)] }],
    ['holds half a batch', 'bad_length', { batches: [batchOf(2).subarray(0, 60)], messageCount: 2 }],
    [
      'holds two batches passed off as one',
      'bad_count',
      { batches: [Buffer.concat([batchOf(1), batchOf(1)])], messageCount: 2 },
    ],
    ['has a stream id that is no UUID', 'bad_value', { streamId: 'orders' }],
    ['has a page no offset can name', 'bad_value', { page: 2 ** 37 }],
    [
      'reaches past the last page an offset can name',
      'bad_value',
      { page: 2 ** 37 - 1, checkpoint: new Uint8Array(400) },
    ],
    ['has a negative epoch', 'bad_value', { epoch: -1 }],
    ['has a timestamp no message id can hold', 'bad_value', { timestamp: 2 ** 48 }],
    ['has no skip pointers though it is not the first', 'bad_skips', { number: 1, page: 1 }],
    ['has skip pointers though it is the first', 'bad_skips', { skips: Array(8).fill(0) }],
    ['has too few skip pointers', 'bad_skips', { skips: Array(7).fill(-1) }],
    ['has too many skip pointers', 'bad_skips', { skips: Array(9).fill(-1) }],
  ];
  test.each(refused)('%s: %s', (_, code, parts) => {
    expect(refusalOf(() => encodeCommit({ ...FIRST, ...parts })).code).toBe(code);
  });
});

describe('damage to a commit', () => {
  const vectors = [
    'commit-first.hex',
    'commit-full.hex',
    'commit-without-padding.hex',
    'commit-checkpoint-only.hex',
  ];

  test.each(vectors)('%s: no flipped bit goes unnoticed', (file) => {
    const commit = goldenBytes(file);
    for (let bit = 0; bit < commit.byteLength * 8; bit += 1) {
      const damaged = commit.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(refusalOf(() => decodeCommit(damaged)).at).toBeLessThanOrEqual(commit.byteLength);
    }
  });

  test.each(vectors)('%s: no page torn off or left blank goes unnoticed', (file) => {
    const commit = goldenBytes(file);
    for (let page = 0; page < commit.byteLength; page += PAGE_BYTES) {
      const at = Math.max(page, page === 0 ? 0 : COMMIT_HEADER_BYTES);
      expect(refusalOf(() => decodeCommit(commit.subarray(0, at))).code).toBe('truncated');
      const torn = commit.slice().fill(0, page, page + PAGE_BYTES);
      refusalOf(() => decodeCommit(torn));
      expect(isBlank(torn)).toBe(page === 0);
    }
  });
});

describe('the end of the log', () => {
  it('is blank where nothing was written, and only there', () => {
    const page = new Uint8Array(PAGE_BYTES + 1);
    expect(isBlank(page)).toBe(true);
    expect(isBlank(page, PAGE_BYTES + 1 - COMMIT_HEADER_BYTES)).toBe(true);
    expect(isBlank(page, PAGE_BYTES + 2 - COMMIT_HEADER_BYTES)).toBe(false);
    expect(isBlank(page, -1)).toBe(false);
    page[COMMIT_HEADER_BYTES] = 1;
    expect(isBlank(page)).toBe(true);
    page[COMMIT_HEADER_BYTES - 1] = 1;
    expect(isBlank(page)).toBe(false);
  });

  it('is read backwards by the trailer, which is none unless magic and length are possible', () => {
    const bytes = Buffer.from(goldenBytes('commit-first.hex'));
    expect(readTrailer(bytes, 512)).toEqual({ byteLength: 512 });
    expect(readTrailer(bytes, 511)).toBeUndefined();
    expect(readTrailer(bytes, 513)).toBeUndefined();
    expect(readTrailer(bytes, 7)).toBeUndefined();
    for (const byteLength of [0, 511, 513, 4 * 1024 * 1024 + 512, 2 ** 32 - 512]) {
      bytes.writeUInt32LE(byteLength, 508);
      expect(readTrailer(bytes, 512)).toBeUndefined();
    }
    bytes.writeUInt32LE(4 * 1024 * 1024, 508);
    expect(readTrailer(bytes, 512)).toEqual({ byteLength: 4 * 1024 * 1024 });
  });
});
