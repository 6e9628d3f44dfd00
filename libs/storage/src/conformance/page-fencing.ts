import { describe, expect, it } from 'vitest';
import type { PageStore } from '../ports.ts';
import { codeOf, freshName, tally } from './outcomes.ts';
import { bytesAt, freshSegment, page, pagesOf } from './segment.ts';

/** What keeps leaders apart: the epoch in the sequence number, and the ETag chain. */
export function fencingConformance(make: () => PageStore): void {
  describe('fencing', () => {
    it('raises the epoch and answers it, with an ETag that writes can go on from', async () => {
      const { store, ref } = await freshSegment(make(), { epoch: 1 });
      const fenced = await store.fence(ref, 5);
      expect(fenced.epoch).toBe(5);
      expect(await store.segmentProperties(ref)).toMatchObject({ epoch: 5, etag: fenced.etag });
      await store.writePages(ref, 0, pagesOf(1), { epoch: 5, etag: fenced.etag });
    });

    it('never lowers the epoch: it answers the higher one that is in force', async () => {
      const { store, ref } = await freshSegment(make(), { epoch: 8 });
      expect(await store.fence(ref, 3)).toMatchObject({ epoch: 8 });
      expect(await store.segmentProperties(ref)).toMatchObject({ epoch: 8 });
    });

    it('with the epoch in force changes the ETag all the same, so a write sent before it is refused', async () => {
      const { store, ref, etag } = await freshSegment(make(), { epoch: 4 });
      const again = await store.fence(ref, 4);
      expect(again).not.toMatchObject({ etag });
      expect(again.epoch).toBe(4);
      expect(await codeOf(store.writePages(ref, 0, pagesOf(1), { epoch: 4, etag }))).toBe('etag_mismatch');
    });

    it('shuts an older leader out, even one that knows the newest ETag', async () => {
      const segment = await freshSegment(make(), { epoch: 1 });
      const { store, ref } = segment;
      const { etag } = await store.fence(ref, 2);
      expect(await codeOf(store.writePages(ref, 0, pagesOf(1), { epoch: 1, etag }))).toBe('epoch_fenced');
      expect(await codeOf(store.clearPages(ref, { offset: 0, length: page }, { epoch: 1, etag }))).toBe(
        'epoch_fenced',
      );
      expect(await bytesAt(segment, 0, page)).toEqual(pagesOf(0));
      expect(await store.segmentProperties(ref)).toMatchObject({ etag });
    });

    it('refuses a write of the older leader that was under way when the fence came', async () => {
      const { store, ref, etag } = await freshSegment(make(), { epoch: 1 });
      await store.fence(ref, 2);
      const code = await codeOf(store.writePages(ref, 0, pagesOf(1), { epoch: 1, etag }));
      // Both conditions fail now. Which of the two a backend names is its own affair.
      expect(['epoch_fenced', 'etag_mismatch']).toContain(code);
    });

    it('refuses an epoch that was never fenced, above as well as below', async () => {
      const { store, ref, etag } = await freshSegment(make(), { epoch: 5 });
      for (const epoch of [0, 4, 6]) {
        expect(await codeOf(store.writePages(ref, 0, pagesOf(1), { epoch, etag }))).toBe('epoch_fenced');
      }
      await store.writePages(ref, 0, pagesOf(1), { epoch: 5, etag });
    });

    it('takes epochs up to the largest safe integer', async () => {
      const { store, ref } = await freshSegment(make(), { epoch: 0 });
      const epoch = Number.MAX_SAFE_INTEGER;
      const fenced = await store.fence(ref, epoch);
      expect(fenced.epoch).toBe(epoch);
      await store.writePages(ref, 0, pagesOf(1), { epoch, etag: fenced.etag });
      expect(await codeOf(store.fence(ref, 2 ** 53))).toBe('invalid_request');
    });

    it('lets exactly the highest of several contenders write, however their fences interleave', async () => {
      const { store, ref } = await freshSegment(make(), { epoch: 1 });
      const answers = await Promise.all([2, 5, 3, 4].map((epoch) => store.fence(ref, epoch)));
      const { etag, epoch } = await store.segmentProperties(ref);
      expect(epoch).toBe(5);
      expect(Math.max(...answers.map((answer) => answer.epoch))).toBe(5);
      const write = (mine: number): Promise<unknown> =>
        store.writePages(ref, 0, pagesOf(mine), { epoch: mine, etag });
      expect(await tally([write(2), write(3), write(4)])).toEqual({
        succeeded: 0,
        codes: Array(3).fill('epoch_fenced'),
      });
      await write(5);
    });

    it('of a segment that is not there is not found', async () => {
      const { store, ref } = await freshSegment(make());
      expect(await codeOf(store.fence({ ...ref, segment: freshName('none') }, 1))).toBe('not_found');
    });
  });
}
