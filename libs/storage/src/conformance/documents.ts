import { describe, expect, it } from 'vitest';
import type { DocumentStore } from '../ports.ts';
import { MAX_DOCUMENT_BYTES } from '../rules.ts';
import { codeOf, freshName, tally } from './outcomes.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/**
 * Everything the layers above rely on in a DocumentStore, as tests. `make` is called for every test; it may answer the
 * same store every time, since each test uses paths of its own.
 */
export function runDocumentStoreConformance(name: string, make: () => DocumentStore): void {
  describe(`${name}: document store`, () => {
    writing(make);
    listing(make);
  });
}

function writing(make: () => DocumentStore): void {
  it('a document that is not there is undefined', async () => {
    expect(await make().get(freshName('none'))).toBeUndefined();
  });

  it('what was put comes back byte for byte, with its version', async () => {
    const documents = make();
    const path = `${freshName('doc')}/a/b`;
    const body = Uint8Array.from({ length: 256 }, (_, i) => i);
    const { etag } = await documents.put(path, body, { ifAbsent: true });
    expect(await documents.get(path)).toMatchObject({ body, etag });
    const empty = await documents.put(path, new Uint8Array(0), { ifMatch: etag });
    expect(await documents.get(path)).toMatchObject({ body: new Uint8Array(0), etag: empty.etag });
  });

  it('a read says what label the version was put with, and how long ago', async () => {
    const documents = make();
    const path = freshName('doc');
    const { etag } = await documents.put(path, text('1'), { ifAbsent: true }, { label: 'lasts 10 s' });
    const first = await documents.get(path);
    expect(first?.label).toBe('lasts 10 s');
    expect(first?.unchangedMs).toBeGreaterThanOrEqual(0);
    expect(first?.unchangedMs).toBeLessThan(60_000);
    await documents.put(path, text('2'), { ifMatch: etag });
    expect((await documents.get(path))?.label).toBeUndefined();
  });

  it('creating one that is there fails and changes nothing', async () => {
    const documents = make();
    const path = freshName('doc');
    const { etag } = await documents.put(path, text('first'), { ifAbsent: true });
    expect(await codeOf(documents.put(path, text('second'), { ifAbsent: true }))).toBe('already_exists');
    expect(await documents.get(path)).toMatchObject({ body: text('first'), etag });
  });

  it('replaces only the version that was read', async () => {
    const documents = make();
    const path = freshName('doc');
    const first = await documents.put(path, text('1'), { ifAbsent: true });
    const second = await documents.put(path, text('2'), { ifMatch: first.etag });
    expect(second.etag).not.toBe(first.etag);
    expect(await codeOf(documents.put(path, text('3'), { ifMatch: first.etag }))).toBe('etag_mismatch');
    expect(await documents.get(path)).toMatchObject({ body: text('2'), etag: second.etag });
  });

  it('replacing one that is gone is not found, and does not bring it back', async () => {
    const documents = make();
    const path = freshName('doc');
    const { etag } = await documents.put(path, text('1'), { ifAbsent: true });
    await documents.delete(path, { ifMatch: etag });
    expect(await codeOf(documents.put(path, text('2'), { ifMatch: etag }))).toBe('not_found');
    expect(await documents.get(path)).toBeUndefined();
  });

  it('of several that create or replace at once exactly one succeeds', async () => {
    const documents = make();
    const path = freshName('doc');
    const create = (body: string): Promise<unknown> => documents.put(path, text(body), { ifAbsent: true });
    const created = await tally([create('a'), create('b'), create('c')]);
    expect(created).toEqual({ succeeded: 1, codes: Array(2).fill('already_exists') });
    const etag = (await documents.get(path))?.etag ?? '';
    const replace = (body: string): Promise<unknown> => documents.put(path, text(body), { ifMatch: etag });
    const replaced = await tally([replace('d'), replace('e'), replace('f')]);
    expect(replaced).toEqual({ succeeded: 1, codes: Array(2).fill('etag_mismatch') });
  });

  it('removes only the version named, and succeeds when it is gone already', async () => {
    const documents = make();
    const path = freshName('doc');
    const first = await documents.put(path, text('1'), { ifAbsent: true });
    const second = await documents.put(path, text('2'), { ifMatch: first.etag });
    expect(await codeOf(documents.delete(path, { ifMatch: first.etag }))).toBe('etag_mismatch');
    expect((await documents.get(path))?.etag).toBe(second.etag);
    await documents.delete(path, { ifMatch: second.etag });
    await documents.delete(path, { ifMatch: second.etag });
    expect(await documents.get(path)).toBeUndefined();
  });

  it('takes a document of 1 MiB and refuses a larger one, and a path that is no path, as invalid', async () => {
    const documents = make();
    const path = freshName('doc');
    const tooLarge = new Uint8Array(MAX_DOCUMENT_BYTES + 1);
    expect(await codeOf(documents.put(path, tooLarge, { ifAbsent: true }))).toBe('invalid_request');
    await documents.put(path, tooLarge.subarray(1), { ifAbsent: true });
    expect((await documents.get(path))?.body.length).toBe(MAX_DOCUMENT_BYTES);
    for (const bad of ['', '/a', 'a/', 'a//b', 'a/../b', 'a\\b', 'a b', 'ä', 'a'.repeat(1025)]) {
      expect(await codeOf(documents.get(bad))).toBe('invalid_request');
    }
  });

  it('keeps apart paths that differ only in case, and takes every sign a name may hold', async () => {
    const documents = make();
    const prefix = freshName('doc');
    const paths = ['Orders', 'orders', 'a%2Fb', 'a/b', 'v1.0~x_y-z', 'q?x=1&y#z+', "it's(*)!@$,;:="].map(
      (p) => `${prefix}/${p}`,
    );
    for (const path of paths) await documents.put(path, text(path), { ifAbsent: true });
    for (const path of paths) expect((await documents.get(path))?.body).toEqual(text(path));
    expect((await documents.list(`${prefix}/`)).paths).toEqual([...paths].sort());
    for (const path of paths) expect((await documents.list(path)).paths).toEqual([path]);
  });
}

function listing(make: () => DocumentStore): void {
  async function filled(
    documents: DocumentStore,
    count: number,
  ): Promise<{ prefix: string; paths: string[] }> {
    const prefix = `${freshName('list')}/`;
    const paths = Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(4, '0')}`);
    await Promise.all(
      [...paths].reverse().map((path) => documents.put(path, text(path), { ifAbsent: true })),
    );
    return { prefix, paths };
  }

  it('lists what begins with the prefix, in lexical order', async () => {
    const documents = make();
    const { prefix, paths } = await filled(documents, 12);
    await documents.put(`${prefix.slice(0, -1)}-other`, text('x'), { ifAbsent: true });
    expect(await documents.list(prefix)).toMatchObject({ paths, cursor: undefined });
    expect((await documents.list(`${prefix}001`)).paths).toEqual(paths.slice(10));
    expect(await documents.list(freshName('none'))).toEqual({ paths: [], labels: [], cursor: undefined });
  });

  it('pages through a listing without missing or repeating a path', async () => {
    const documents = make();
    const { prefix, paths } = await filled(documents, 11);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await documents.list(prefix, { limit: 4, cursor });
      expect(page.paths.length).toBeLessThanOrEqual(4);
      seen.push(...page.paths);
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(paths);
  });

  it('brings along the label of each document as of its last version', async () => {
    const documents = make();
    const { prefix, paths } = await filled(documents, 3);
    const [first = '', second = ''] = paths;
    const relabel = async (path: string, label: string | undefined): Promise<void> => {
      const etag = (await documents.get(path))?.etag ?? '';
      await documents.put(path, text('2'), { ifMatch: etag }, { label });
    };
    await relabel(first, 'queue managers');
    await relabel(second, 'gone again');
    await relabel(second, undefined);
    expect((await documents.list(prefix)).labels).toEqual(['queue managers', undefined, undefined]);
    const bad = (label: string) => documents.put(`${prefix}x`, text('1'), { ifAbsent: true }, { label });
    for (const label of ['', ' a', 'a\nb', 'ä', 'a'.repeat(257)]) {
      expect(await codeOf(bad(label))).toBe('invalid_request');
    }
  });

  it('refuses a page size out of bounds as invalid', async () => {
    const documents = make();
    expect(await codeOf(documents.list('', { limit: 0 }))).toBe('invalid_request');
    expect(await codeOf(documents.list('', { limit: 1001 }))).toBe('invalid_request');
  });
}
