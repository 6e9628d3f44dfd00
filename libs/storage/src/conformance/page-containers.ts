import { describe, expect, it } from 'vitest';
import type { PageStore } from '../ports.ts';
import { codeOf, freshName, tally } from './outcomes.ts';
import { bytesAt, freshSegment, page, pagesOf } from './segment.ts';

/** Containers, and the life of segments in them. */
export function containerConformance(make: () => PageStore): void {
  describe('containers and segments', () => {
    it('creating a container that is there changes nothing', async () => {
      const { store, ref } = await freshSegment(make());
      await store.createContainer(ref.container);
      expect(await store.listSegments(ref.container)).toEqual([ref.segment]);
    });

    it('deleting a container removes its segments, and deleting one that is gone succeeds', async () => {
      const { store, ref } = await freshSegment(make());
      await store.deleteContainer(ref.container);
      await store.deleteContainer(ref.container);
      expect(await codeOf(store.listSegments(ref.container))).toBe('not_found');
      expect(await codeOf(store.segmentProperties(ref))).toBe('not_found');
      expect(await codeOf(store.readRange(ref, { offset: 0, length: page }))).toBe('not_found');
    });

    it('a segment begins sparse, all unwritten, with the epoch it was given', async () => {
      const segment = await freshSegment(make(), { epoch: 7, sizeBytes: 1024 ** 3 });
      const properties = await segment.store.segmentProperties(segment.ref);
      expect(properties).toMatchObject({ etag: segment.etag, sizeBytes: 1024 ** 3, epoch: 7 });
      expect(properties.unchangedMs).toBeGreaterThanOrEqual(0);
      expect(properties.unchangedMs).toBeLessThan(60_000);
      expect(await segment.store.writtenRanges(segment.ref, { offset: 0, length: 1024 ** 3 })).toEqual([]);
      expect(await bytesAt(segment, 1024 ** 3 - page, page)).toEqual(pagesOf(0));
    });

    it('creating a segment that is there fails and resets nothing of it', async () => {
      const { store, ref, etag } = await freshSegment(make(), { epoch: 3 });
      const written = await store.writePages(ref, 0, pagesOf(9), { epoch: 3, etag });
      expect(await codeOf(store.createSegment(ref, { sizeBytes: page, epoch: 0 }))).toBe('already_exists');
      expect(await store.segmentProperties(ref)).toMatchObject({
        ...written,
        sizeBytes: 64 * 1024 * 1024,
        epoch: 3,
      });
      expect(await bytesAt({ store, ref, etag }, 0, page)).toEqual(pagesOf(9));
    });

    it('of many creators of one segment at once exactly one succeeds', async () => {
      const store = make();
      const container = freshName('conformance');
      await store.createContainer(container);
      const create = (): Promise<unknown> =>
        store.createSegment({ container, segment: 'raced' }, { sizeBytes: page, epoch: 1 });
      const outcome = await tally([create(), create(), create(), create()]);
      expect(outcome).toEqual({ succeeded: 1, codes: Array(3).fill('already_exists') });
    });

    it('a segment in a container that is not there is not found', async () => {
      const store = make();
      const ref = { container: freshName('nowhere'), segment: 'none' };
      expect(await codeOf(store.createSegment(ref, { sizeBytes: page, epoch: 1 }))).toBe('not_found');
      expect(await codeOf(store.fence(ref, 1))).toBe('not_found');
      expect(await codeOf(store.writePages(ref, 0, pagesOf(1), { epoch: 1, etag: '"0x1"' }))).toBe(
        'not_found',
      );
    });

    it('deleting a segment leaves the others, and deleting one that is gone succeeds', async () => {
      const { store, ref } = await freshSegment(make());
      const other = { ...ref, segment: '0000000000000001' };
      await store.createSegment(other, { sizeBytes: page, epoch: 1 });
      await store.deleteSegment(ref);
      await store.deleteSegment(ref);
      await store.deleteSegment({ container: freshName('nowhere'), segment: 'none' });
      expect(await store.listSegments(ref.container)).toEqual([other.segment]);
      expect(await codeOf(store.segmentProperties(ref))).toBe('not_found');
    });

    it('segments are listed in lexical order, whatever order they were made in', async () => {
      const store = make();
      const container = freshName('conformance');
      await store.createContainer(container);
      expect(await store.listSegments(container)).toEqual([]);
      const names = ['0000000000000010', '0000000000000002', '0000000000000100', '0000000000000000'];
      for (const segment of names)
        await store.createSegment({ container, segment }, { sizeBytes: page, epoch: 1 });
      expect(await store.listSegments(container)).toEqual([...names].sort());
    });

    it('a size off the page grid and a container name no backend takes are refused as invalid', async () => {
      const store = make();
      const ref = { container: freshName('conformance'), segment: 'odd' };
      await store.createContainer(ref.container);
      expect(await codeOf(store.createSegment(ref, { sizeBytes: 513, epoch: 1 }))).toBe('invalid_request');
      expect(await codeOf(store.createSegment(ref, { sizeBytes: page, epoch: -1 }))).toBe('invalid_request');
      expect(await codeOf(store.createContainer('No_Such_Name'))).toBe('invalid_request');
      expect(await store.listSegments(ref.container)).toEqual([]);
    });
  });
}
