import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileStorage, type Storage } from '@message-vault/storage';
import { describe, expect, it, onTestFinished } from 'vitest';
import { codeOf } from '../src/conformance/outcomes.ts';
import { failureOf, isBusy } from '../src/file/database/failures.ts';
import type { FileStorageOptions } from '../src/file/storage.ts';

const body = new Uint8Array([1]);
const absent = { ifAbsent: true } as const;

async function emptyDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'mvault-file-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function open(options: FileStorageOptions): Promise<Storage> {
  const storage = await fileStorage(options);
  onTestFinished(() => storage.close());
  return storage;
}

/** The database as another program sees it. */
function asOther(dir: string): DatabaseSync {
  const database = new DatabaseSync(join(dir, 'mv-sys.db'));
  onTestFinished(() => database.close());
  return database;
}

describe('a file that can not be used is refused in words', () => {
  it('of a newer version', async () => {
    const dir = await emptyDir();
    await (await fileStorage({ dir })).close();
    asOther(dir).exec('PRAGMA user_version = 2');
    await expect(fileStorage({ dir })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/mv-sys\.db was made by a newer version: its schema is 2/),
    });
  });

  it('of another program', async () => {
    const dir = await emptyDir();
    asOther(dir).exec('CREATE TABLE theirs (a)');
    await expect(fileStorage({ dir })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/is a database of another program/),
    });
  });

  it('that is no database', async () => {
    const dir = await emptyDir();
    await writeFile(join(dir, 'mv-sys.db'), 'nothing that SQLite has written '.repeat(100));
    await expect(fileStorage({ dir })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/the file is not a database/),
    });
  });

  it('in a folder that is none', async () => {
    const dir = await emptyDir();
    await writeFile(join(dir, 'file'), '');
    await expect(fileStorage({ dir: join(dir, 'file') })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/file can't be used: EEXIST/),
    });
  });

  it.skipIf(process.platform !== 'linux')('in a folder that nobody can make', async () => {
    await expect(fileStorage({ dir: '/proc/none/vault' })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/vault can't be used: ENOENT.*mkdir '\/proc\/none'/),
    });
  });
});

describe('the rights', () => {
  /** Of the folder, and of what is in it. */
  async function rights(dir: string): Promise<Record<string, number>> {
    const of = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
    const names = (await readdir(dir)).sort();
    const entries = await Promise.all(names.map(async (name) => [name, await of(join(dir, name))] as const));
    return { dir: await of(dir), ...Object.fromEntries(entries) };
  }

  it('of what is made are for its owner alone', async () => {
    const dir = join(await emptyDir(), 'made', 'too');
    await (await open({ dir })).documents.put('path', body, absent);
    const files = { 'mv-sys.db': 0o600, 'mv-sys.db-shm': 0o600, 'mv-sys.db-wal': 0o600 };
    expect(await rights(dir)).toEqual({ dir: 0o700, ...files });
    expect((await rights(join(dir, '..'))).dir).toBe(0o700);
  });

  it('of a folder and a file that were there are left as they are', async () => {
    const dir = join(await emptyDir(), 'there');
    await mkdir(dir);
    await writeFile(join(dir, 'mv-sys.db'), '');
    await chmod(dir, 0o750);
    await chmod(join(dir, 'mv-sys.db'), 0o660);
    await (await open({ dir })).documents.put('path', body, absent);
    const files = { 'mv-sys.db': 0o660, 'mv-sys.db-shm': 0o660, 'mv-sys.db-wal': 0o660 };
    expect(await rights(dir)).toEqual({ dir: 0o750, ...files });
  });
});

describe('while another process does not let go of the lock', () => {
  async function locked(timeoutMs: number): Promise<{ storage: Storage; unlock: () => void }> {
    const dir = await emptyDir();
    const storage = await open({ dir, timeoutMs });
    await storage.documents.put('there', body, absent);
    await storage.leases.ensure('lease');
    const other = asOther(dir);
    other.exec('BEGIN IMMEDIATE');
    return { storage, unlock: () => other.exec('COMMIT') };
  }

  it('reads go on, and writes are refused as not begun; what may be repeated is unavailable', async () => {
    const { storage, unlock } = await locked(400);
    const { documents, pages } = storage;
    const write = codeOf(documents.put('new', body, absent));
    const repeatable = codeOf(pages.createContainer('mv-some'));
    expect((await documents.get('there'))?.body).toEqual(body);
    expect(await write).toBe('throttled');
    expect(await repeatable).toBe('unavailable');
    unlock();
    expect(await documents.get('new')).toBeUndefined();
    await documents.put('new', body, absent);
  });

  it('writes wait, and go on when it is free', async () => {
    const { storage, unlock } = await locked(20_000);
    const writes = ['a', 'b', 'c'].map((path) => storage.documents.put(path, body, absent));
    expect((await storage.documents.get('there'))?.body).toEqual(body);
    unlock();
    await Promise.all(writes);
  });

  it('an aborted write is over at once, its outcome unknown, and an aborted read unavailable', async () => {
    const { storage, unlock } = await locked(20_000);
    const abort = new AbortController();
    const { signal } = abort;
    const write = codeOf(storage.documents.put('new', body, absent, { signal }));
    const repeatable = codeOf(storage.leases.ensure('other', { signal }));
    abort.abort();
    expect(await write).toBe('outcome_unknown');
    expect(await repeatable).toBe('unavailable');
    expect(await codeOf(storage.documents.put('new', body, absent, { signal }))).toBe('outcome_unknown');
    unlock();
  });

  it('no more than so many calls wait: those beyond are refused at once', async () => {
    const { storage, unlock } = await locked(20_000);
    const writes = Array.from({ length: 4096 }, (_, at) => storage.documents.put(`many/${at}`, body, absent));
    expect(await codeOf(storage.documents.put('one-more', body, absent))).toBe('throttled');
    unlock();
    await Promise.all(writes);
    expect((await storage.documents.list('many/', { limit: 1000 })).paths).toHaveLength(1000);
    expect(await storage.documents.get('one-more')).toBeUndefined();
  });
});

it('what a deleted container and its segments held is removed, step by step, and names are free at once', async () => {
  const dir = await emptyDir();
  const { pages, bodies } = await open({ dir });
  const ref = { container: 'mv-gone', segment: 's' };
  await pages.createContainer(ref.container);
  let { etag } = await pages.createSegment(ref, { sizeBytes: 1024 ** 2, epoch: 1 });
  for (let at = 0; at < 600; at++)
    ({ etag } = await pages.writePages(ref, at * 512, new Uint8Array(512), { epoch: 1, etag }));
  for (let at = 0; at < 20; at++) await bodies.put(ref.container, `b${at}`, body);
  await pages.deleteContainer(ref.container);
  await pages.createContainer(ref.container);
  expect(await pages.listSegments(ref.container)).toEqual([]);
  const other = asOther(dir);
  const left = ['extents', 'segments', 'bodies', 'containers'].map((table) =>
    other.prepare(`SELECT count(*) AS count FROM ${table}`),
  );
  await expect.poll(() => left.map((count) => count.get()?.count)).toEqual([0, 0, 0, 1]);
});

it('the log does not grow with what is removed: it is copied into the database meanwhile', {
  timeout: 60_000,
}, async () => {
  const dir = await emptyDir();
  await (await fileStorage({ dir })).close();
  const other = asOther(dir);
  other.exec("INSERT INTO segments (container, size, epoch, etag, changed_at) VALUES (1, 1024, 1, '', 0)");
  const rows = other.prepare(
    `WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 10000)
     INSERT INTO extents (segment, start, bytes) SELECT 1, ? + x, zeroblob(512) FROM n`,
  );
  for (let at = 0; at < 300_000; at += 10_000) rows.run(at);
  await open({ dir });
  const left = other.prepare('SELECT count(*) AS count FROM segments');
  await expect.poll(() => left.get()?.count, { timeout: 50_000 }).toBe(0);
  expect((await stat(join(dir, 'mv-sys.db-wal'))).size).toBeLessThan(80 * 1024 ** 2);
});

it('a lease of before the machine was started anew, when its clock began again, is held by nobody', async () => {
  const dir = await emptyDir();
  const at = (ms: number): FileStorageOptions => ({ dir, clock: { now: () => 0, monotonic: () => ms } });
  const before = await open(at(1_000_000));
  const after = await open(at(1_000));
  await before.leases.ensure('leader');
  await before.leases.acquire('leader', crypto.randomUUID(), 60);
  expect(await before.leases.isHeld('leader')).toBe(true);
  expect(await after.leases.isHeld('leader')).toBe(false);
  await after.leases.acquire('leader', crypto.randomUUID(), 60);
});

it('two names in one folder are two storages', async () => {
  const dir = await emptyDir();
  const [a, b] = [await open({ dir, name: 'one' }), await open({ dir, name: 'two' })];
  await a.documents.put('path', body, absent);
  expect(await b.documents.get('path')).toBeUndefined();
});

it('closed, it answers no more', async () => {
  const storage = await fileStorage({ dir: await emptyDir() });
  await storage.close();
  await storage.close();
  expect(await codeOf(storage.documents.get('path'))).toBe('unavailable');
});

it('a caller who gives up makes no room for another while the thread still has what he asked for', async () => {
  const dir = await emptyDir();
  const storage = await open({ dir, timeoutMs: 20_000 });
  const other = asOther(dir);
  other.exec('BEGIN IMMEDIATE');
  const abort = new AbortController();
  const given = Array.from({ length: 4096 }, (_, at) =>
    codeOf(storage.documents.put(`many/${at}`, body, absent, { signal: abort.signal })),
  );
  abort.abort();
  expect(new Set(await Promise.all(given))).toEqual(new Set(['outcome_unknown']));
  expect(await codeOf(storage.documents.get('path'))).toBe('throttled');
  other.exec('COMMIT');
  const isTaken = (): Promise<boolean> =>
    storage.documents.get('path').then(
      () => true,
      () => false,
    );
  await expect.poll(isTaken).toBe(true);
});

describe('what SQLite reports', () => {
  const reported = (errcode: number): Error => Object.assign(new Error('as SQLite says it'), { errcode });

  it.each([
    [8, /read-only/],
    [10 | (4 << 8), /reading or writing the database file failed/],
    [11, /damaged/],
    [13, /disk is full/],
  ])('result %i is told in words, and leaves the outcome of a write open', (errcode, words) => {
    expect(failureOf(reported(errcode), 'outcome_unknown')).toMatchObject({
      code: 'outcome_unknown',
      message: expect.stringMatching(words),
    });
    expect(failureOf(reported(errcode), 'unavailable').code).toBe('unavailable');
  });

  it('is a bug when it is not of the machine’s making', () => {
    expect(() => failureOf(reported(19), 'unavailable')).toThrow('as SQLite says it');
    expect(isBusy(reported(5 | (2 << 8)))).toBe(true);
  });
});
