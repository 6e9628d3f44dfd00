import { describe, expect, it } from 'vitest';
import type { Storage } from '../ports.ts';
import { MAX_BODY_BYTES } from '../rules.ts';
import { codeOf, freshName } from './outcomes.ts';

type Target = Pick<Storage, 'bodies' | 'pages'>;

/**
 * Everything claim checks rely on in a BodyStore, as tests. `make` is called for every test; it may answer the same
 * storage every time, since each test works in a container of its own.
 */
export function runBodyStoreConformance(name: string, make: () => Target): void {
  async function fresh(): Promise<Target & { container: string }> {
    const target = make();
    const container = freshName('mv-bodies');
    await target.pages.createContainer(container);
    return { ...target, container };
  }

  describe(`${name}: body store`, () => {
    it('what was put comes back byte for byte, be it nothing or the most there may be', async () => {
      const { bodies, container } = await fresh();
      const large = new Uint8Array(MAX_BODY_BYTES).map((_, i) => i % 251);
      await bodies.put(container, 'large', large);
      await bodies.put(container, 'empty', new Uint8Array(0));
      const read = await bodies.get(container, 'large');
      expect(read !== undefined && Buffer.compare(read, large)).toBe(0);
      expect(await bodies.get(container, 'empty')).toEqual(new Uint8Array(0));
    });

    it('a body that is too large is invalid', async () => {
      const { bodies, container } = await fresh();
      expect(await codeOf(bodies.put(container, 'a', new Uint8Array(MAX_BODY_BYTES + 1)))).toBe(
        'invalid_request',
      );
      expect(await bodies.get(container, 'a')).toBeUndefined();
    });

    it('putting the same again, deleting what is gone and reading what never was all go without a word', async () => {
      const { bodies, container } = await fresh();
      await bodies.put(container, 'twice', new Uint8Array([1]));
      await bodies.put(container, 'twice', new Uint8Array([1]));
      expect(await bodies.get(container, 'twice')).toEqual(new Uint8Array([1]));
      await bodies.delete(container, 'twice');
      await bodies.delete(container, 'twice');
      expect(await bodies.get(container, 'twice')).toBeUndefined();
      const nowhere = freshName('mv-nowhere');
      expect(await bodies.get(nowhere, 'a')).toBeUndefined();
      await bodies.delete(nowhere, 'a');
    });

    it('a container that is not there takes and lists nothing', async () => {
      const { bodies } = await fresh();
      const nowhere = freshName('mv-nowhere');
      expect(await codeOf(bodies.put(nowhere, 'a', new Uint8Array(1)))).toBe('not_found');
      expect(await codeOf(bodies.list(nowhere))).toBe('not_found');
    });

    it('goes with its container', async () => {
      const { bodies, pages, container } = await fresh();
      await bodies.put(container, 'a', new Uint8Array(1));
      await pages.deleteContainer(container);
      expect(await bodies.get(container, 'a')).toBeUndefined();
    });

    it('lists ids in order, page by page, with their sizes and when they were put', async () => {
      const { bodies, container } = await fresh();
      const ids = Array.from({ length: 7 }, (_, i) => `body-${i}/part`);
      for (const [at, id] of [...ids.entries()].reverse())
        await bodies.put(container, id, new Uint8Array(at));
      const listed: { id: string; byteLength: number; createdAt: number }[] = [];
      let cursor: string | undefined;
      do {
        const page = await bodies.list(container, { limit: 3, cursor });
        expect(page.bodies.length).toBeLessThanOrEqual(3);
        listed.push(...page.bodies);
        cursor = page.cursor;
      } while (cursor !== undefined);
      expect(listed).toEqual(ids.map((id, at) => ({ id, byteLength: at, createdAt: expect.any(Number) })));
      const created = listed.map(({ createdAt }) => createdAt);
      // The last was put first; whole seconds may be all that is told.
      expect(created).toEqual([...created].sort((a, b) => b - a));
    });

    it('refuses a page size out of bounds and an id that is none as invalid', async () => {
      const { bodies, container } = await fresh();
      expect(await codeOf(bodies.list(container, { limit: 0 }))).toBe('invalid_request');
      expect(await codeOf(bodies.list(container, { limit: 1001 }))).toBe('invalid_request');
      for (const bad of ['', '/a', 'a//b', 'a/../b', 'ä']) {
        expect(await codeOf(bodies.put(container, bad, new Uint8Array(1)))).toBe('invalid_request');
        expect(await codeOf(bodies.get(container, bad))).toBe('invalid_request');
      }
    });
  });
}
