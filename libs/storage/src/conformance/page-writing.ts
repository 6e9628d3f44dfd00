import { describe, expect, it } from 'vitest';
import type { PageStore } from '../ports.ts';
import { MAX_WRITE_BYTES } from '../rules.ts';
import { codeOf, tally } from './outcomes.ts';
import { bytesAt, freshSegment, page, pagesOf } from './segment.ts';

/** Writes and clears under both conditions. */
export function writingConformance(make: () => PageStore): void {
  describe('writing', () => {
    it('goes on along the chain of ETags, each write answering the next one', async () => {
      const segment = await freshSegment(make());
      const { store, ref } = segment;
      let { etag } = segment;
      const seen = new Set([etag]);
      for (let i = 0; i < 5; i++) {
        ({ etag } = await store.writePages(ref, i * page, pagesOf(i + 1), { epoch: 1, etag }));
        seen.add(etag);
      }
      expect(seen.size).toBe(6);
      expect(await store.segmentProperties(ref)).toMatchObject({ etag });
      expect(await bytesAt(segment, 4 * page, page)).toEqual(pagesOf(5));
    });

    it('refuses a delayed duplicate of an earlier write of the same leader, and keeps what came after it', async () => {
      const segment = await freshSegment(make());
      const { store, ref, etag } = segment;
      const first = await store.writePages(ref, 0, pagesOf(1), { epoch: 1, etag });
      const second = await store.writePages(ref, 0, pagesOf(2), { epoch: 1, etag: first.etag });
      expect(await codeOf(store.writePages(ref, 0, pagesOf(1), { epoch: 1, etag }))).toBe('etag_mismatch');
      expect(await bytesAt(segment, 0, page)).toEqual(pagesOf(2));
      expect(await store.segmentProperties(ref)).toMatchObject({ etag: second.etag });
    });

    it('lets exactly one of several writes on the same ETag land', async () => {
      const segment = await freshSegment(make());
      const { store, ref, etag } = segment;
      const values = [1, 2, 3, 4];
      const outcome = await tally(
        values.map((value) => store.writePages(ref, 0, pagesOf(value, 16), { epoch: 1, etag })),
      );
      expect(outcome).toEqual({ succeeded: 1, codes: Array(3).fill('etag_mismatch') });
      const bytes = await bytesAt(segment, 0, 16 * page);
      expect(values).toContain(bytes[0]);
      expect(new Set(bytes).size).toBe(1);
    });

    it('takes the largest write there is, and reads it back whole', async () => {
      const segment = await freshSegment(make());
      const bytes = new Uint8Array(MAX_WRITE_BYTES).map((_, i) => (i * 31 + (i >>> 9)) & 0xff);
      await segment.store.writePages(segment.ref, 3 * page, bytes, { epoch: 1, etag: segment.etag });
      const read = await bytesAt(segment, 3 * page, MAX_WRITE_BYTES);
      expect(Buffer.compare(read, bytes)).toBe(0);
    });

    it('writes a view of a larger buffer as just its own bytes, and does not keep it', async () => {
      const segment = await freshSegment(make());
      const buffer = new Uint8Array(4 * page).fill(7);
      buffer.fill(1, page, 2 * page);
      await segment.store.writePages(segment.ref, 0, buffer.subarray(page, 2 * page), {
        epoch: 1,
        etag: segment.etag,
      });
      buffer.fill(9);
      expect(await bytesAt(segment, 0, 2 * page)).toEqual(Uint8Array.from([...pagesOf(1), ...pagesOf(0)]));
    });

    it.each([
      ['off a page boundary', 100, page],
      ['of part of a page', 0, 100],
      ['of nothing', 0, 0],
      ['above 4 MiB', 0, MAX_WRITE_BYTES + page],
      ['before the segment', -page, page],
      ['past the end of the segment', 64 * 1024 * 1024, page],
    ])('refuses a write %s as invalid and changes nothing', async (_, offset, length) => {
      const { store, ref, etag } = await freshSegment(make());
      expect(await codeOf(store.writePages(ref, offset, new Uint8Array(length), { epoch: 1, etag }))).toBe(
        'invalid_request',
      );
      expect(await store.segmentProperties(ref)).toMatchObject({ etag });
    });

    it('clears pages back to unwritten, under the same two conditions', async () => {
      const segment = await freshSegment(make());
      const { store, ref } = segment;
      const written = await store.writePages(ref, 0, pagesOf(1, 4), { epoch: 1, etag: segment.etag });
      const range = { offset: page, length: 2 * page };
      expect(await codeOf(store.clearPages(ref, range, { epoch: 1, etag: segment.etag }))).toBe(
        'etag_mismatch',
      );
      const cleared = await store.clearPages(ref, range, { epoch: 1, etag: written.etag });
      expect(cleared.etag).not.toBe(written.etag);
      expect(await bytesAt(segment, page, 2 * page)).toEqual(pagesOf(0, 2));
      expect(await store.writtenRanges(ref, { offset: 0, length: 64 * 1024 })).toEqual([
        { offset: 0, length: page },
        { offset: 3 * page, length: page },
      ]);
    });

    it('clears far more than one write could hold', async () => {
      const segment = await freshSegment(make());
      const { store, ref } = segment;
      const { etag } = await store.writePages(ref, 0, pagesOf(1), { epoch: 1, etag: segment.etag });
      await store.clearPages(ref, { offset: 0, length: 8 * MAX_WRITE_BYTES }, { epoch: 1, etag });
      expect(await store.writtenRanges(ref, { offset: 0, length: 64 * 1024 * 1024 })).toEqual([]);
    });
  });
}
