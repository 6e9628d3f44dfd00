import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileStorage, memoryStorage } from '@message-vault/storage';
import { describe, expect, it, onTestFinished } from 'vitest';
import { handClock } from './hand-clock.ts';

const body = new Uint8Array([1]);

async function emptyDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'mvault-times-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

describe('how long ago a document was put', () => {
  it.each(['memory', 'file'])('is told by the clock of a %s storage', async (kind) => {
    const { runtime, pass } = handClock();
    const storage =
      kind === 'memory'
        ? memoryStorage({ runtime })
        : await fileStorage({ dir: await emptyDir(), clock: runtime });
    onTestFinished(() => storage.close());
    const { documents } = storage;
    const { etag } = await documents.put('a', body, { ifAbsent: true });
    await pass(5000);
    expect(await documents.get('a')).toMatchObject({ unchangedMs: 5000 });
    await documents.put('a', body, { ifMatch: etag });
    await pass(10);
    expect(await documents.get('a')).toMatchObject({ unchangedMs: 10 });
  });
});

describe('a file of a version that did not write down when documents were put', () => {
  /** Puts a document as that version did. */
  const insert = 'INSERT OR REPLACE INTO documents (path, etag, label, body) VALUES (?, ?, NULL, ?)';

  async function oldFile() {
    const dir = await emptyDir();
    await (await fileStorage({ dir })).close();
    const old = new DatabaseSync(join(dir, 'mv-sys.db'));
    onTestFinished(() => old.close());
    old.exec('ALTER TABLE documents DROP COLUMN changed_at');
    old.prepare(insert).run('before', '"1"', body);
    return { dir, old };
  }

  it('is taken over, however many open it at once, with documents as old as that', async () => {
    const { dir } = await oldFile();
    const storages = await Promise.all([fileStorage({ dir }), fileStorage({ dir })]);
    for (const storage of storages) {
      onTestFinished(() => storage.close());
      const there = await storage.documents.get('before');
      expect(there).toMatchObject({ etag: '"1"', body });
      expect(there?.unchangedMs).toBeLessThan(60_000);
    }
    const later = await fileStorage({ dir, clock: { now: () => Date.now() + 100_000, monotonic: () => 0 } });
    onTestFinished(() => later.close());
    expect((await later.documents.get('before'))?.unchangedMs).toBeGreaterThanOrEqual(100_000);
  });

  it('may be open in that version as well, whose documents seem to have been put just now', async () => {
    const { dir, old } = await oldFile();
    const { documents, close } = await fileStorage({ dir });
    onTestFinished(close);
    old.prepare(insert).run('beside', '"2"', body);
    expect(await documents.get('beside')).toMatchObject({ etag: '"2"', unchangedMs: 0 });
    expect(old.prepare('SELECT body FROM documents WHERE path = ?').get('before')).toEqual({ body });
  });
});
