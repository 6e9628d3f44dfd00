import { describe, expect, it } from 'vitest';
import type { PageStore } from '../ports.ts';
import { codeOf } from './outcomes.ts';
import { bytesAt, freshSegment, page, pagesOf } from './segment.ts';

/** Reads, versions, and the written ranges. */
export function readingConformance(make: () => PageStore): void {
  describe('reading', () => {
    it('answers zeros where nothing is written, around what is', async () => {
      const segment = await freshSegment(make());
      await segment.store.writePages(segment.ref, 2 * page, pagesOf(5), { epoch: 1, etag: segment.etag });
      const bytes = await bytesAt(segment, page, 3 * page);
      expect(bytes).toEqual(Uint8Array.from([...pagesOf(0), ...pagesOf(5), ...pagesOf(0)]));
    });

    it('answers any range, also off the page grid', async () => {
      const segment = await freshSegment(make());
      const bytes = new Uint8Array(2 * page).map((_, i) => i & 0xff);
      await segment.store.writePages(segment.ref, 0, bytes, { epoch: 1, etag: segment.etag });
      expect(await bytesAt(segment, 300, 500)).toEqual(bytes.subarray(300, 800));
      expect(await bytesAt(segment, 511, 1)).toEqual(bytes.subarray(511, 512));
    });

    it('answers fewer bytes at the end of the segment, and none at or past it', async () => {
      const segment = await freshSegment(make(), { sizeBytes: 4 * page });
      await segment.store.writePages(segment.ref, 3 * page, pagesOf(5), { epoch: 1, etag: segment.etag });
      const { etag } = await segment.store.segmentProperties(segment.ref);
      expect(await bytesAt(segment, 3 * page, 10 * page)).toEqual(pagesOf(5));
      for (const offset of [4 * page, 100 * page]) {
        const read = await segment.store.readRange(segment.ref, { offset, length: page });
        expect(read).toEqual({ status: 'read', bytes: new Uint8Array(0), etag });
      }
    });

    it('says which version it read, and not modified as long as it is still that one', async () => {
      const { store, ref, etag } = await freshSegment(make());
      const range = { offset: 0, length: page };
      expect(await store.readRange(ref, range, { ifNoneMatch: etag })).toEqual({ status: 'not_modified' });
      const written = await store.writePages(ref, 10 * page, pagesOf(1), { epoch: 1, etag });
      const read = await store.readRange(ref, range, { ifNoneMatch: etag });
      expect(read).toEqual({ status: 'read', bytes: pagesOf(0), etag: written.etag });
      expect(await store.readRange(ref, range, { ifNoneMatch: written.etag })).toEqual({
        status: 'not_modified',
      });
    });

    it('merges written ranges that adjoin and cuts them to the range asked for', async () => {
      const { store, ref, ...segment } = await freshSegment(make());
      let { etag } = segment;
      for (const at of [0, 1, 2, 5, 6, 20]) {
        ({ etag } = await store.writePages(ref, at * page, pagesOf(1), { epoch: 1, etag }));
      }
      expect(await store.writtenRanges(ref, { offset: 0, length: 64 * 1024 })).toEqual([
        { offset: 0, length: 3 * page },
        { offset: 5 * page, length: 2 * page },
        { offset: 20 * page, length: page },
      ]);
      expect(await store.writtenRanges(ref, { offset: page, length: 5 * page })).toEqual([
        { offset: page, length: 2 * page },
        { offset: 5 * page, length: page },
      ]);
      expect(await store.writtenRanges(ref, { offset: 8 * page, length: 2 * page })).toEqual([]);
    });

    it('answers no written ranges past the end of the segment', async () => {
      const { store, ref } = await freshSegment(make(), { sizeBytes: 4 * page });
      expect(await store.writtenRanges(ref, { offset: 4 * page, length: 4 * page })).toEqual([]);
      expect(await store.writtenRanges(ref, { offset: 2 * page, length: 100 * page })).toEqual([]);
    });

    it('counts a page written with zeros as written', async () => {
      const { store, ref, etag } = await freshSegment(make());
      await store.writePages(ref, page, pagesOf(0), { epoch: 1, etag });
      expect(await store.writtenRanges(ref, { offset: 0, length: 4 * page })).toEqual([
        { offset: page, length: page },
      ]);
    });

    it('refuses an empty or negative range as invalid', async () => {
      const { store, ref } = await freshSegment(make());
      expect(await codeOf(store.readRange(ref, { offset: 0, length: 0 }))).toBe('invalid_request');
      expect(await codeOf(store.readRange(ref, { offset: -1, length: 1 }))).toBe('invalid_request');
      expect(await codeOf(store.writtenRanges(ref, { offset: 0, length: -1 }))).toBe('invalid_request');
    });

    it('of a segment that is not there is not found', async () => {
      const { store, ref } = await freshSegment(make());
      const none = { ...ref, segment: 'none' };
      expect(await codeOf(store.readRange(none, { offset: 0, length: page }))).toBe('not_found');
      expect(await codeOf(store.writtenRanges(none, { offset: 0, length: page }))).toBe('not_found');
      expect(await codeOf(store.segmentProperties(none))).toBe('not_found');
    });

    it('answers bytes that are the caller’s own: changing them changes nothing stored', async () => {
      const segment = await freshSegment(make());
      await segment.store.writePages(segment.ref, 0, pagesOf(5), { epoch: 1, etag: segment.etag });
      (await bytesAt(segment, 0, page)).fill(6);
      expect(await bytesAt(segment, 0, page)).toEqual(pagesOf(5));
    });

    it('is refused as unavailable when aborted before it began', async () => {
      const { store, ref } = await freshSegment(make());
      const signal = AbortSignal.abort();
      expect(await codeOf(store.readRange(ref, { offset: 0, length: page }, { signal }))).toBe('unavailable');
      expect(await codeOf(store.segmentProperties(ref, { signal }))).toBe('unavailable');
    });
  });
}
