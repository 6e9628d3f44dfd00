import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { fileStorage, type Storage } from '@message-vault/storage';
import { describe, expect, it, onTestFinished } from 'vitest';
import { codeOf } from '../src/conformance/outcomes.ts';
import { ROUND_BYTES, roundBytes, SEGMENT } from './file-rounds.ts';

const program = fileURLToPath(new URL('./file-program.ts', import.meta.url));

async function emptyDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'mvault-file-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function open(dir: string): Promise<Storage> {
  const storage = await fileStorage({ dir });
  onTestFinished(() => storage.close());
  return storage;
}

function run(job: string, dir: string): ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> } {
  const child = spawn(process.execPath, [program, job, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Returns the moment something is written to the file. */
function untilItGrows(file: string): void {
  const before = statSync(file).size;
  const deadline = Date.now() + 10_000;
  while (statSync(file).size === before && Date.now() < deadline);
}

/** Kills the writer when it has had `rounds` acknowledged; answers how many there were in the end. */
async function killInMidWrite(dir: string, rounds: number): Promise<number> {
  const writer = run('write', dir);
  let said = '';
  writer.stdout.setEncoding('utf8').on('data', (more: string) => {
    said += more;
    if (said.split('\n').length <= rounds) return;
    untilItGrows(join(dir, 'mv-sys.db-wal'));
    writer.kill('SIGKILL');
  });
  await once(writer, 'close');
  return said.split('\n').length - 1;
}

describe('several processes with one folder', () => {
  it('can start at the same time, when there is nothing yet: one database is made, and conditions hold', async () => {
    const dir = await emptyDir();
    const answers = await Promise.all(Array.from({ length: 4 }, () => text(run('race', dir).stdout)));
    expect(answers.sort()).toEqual([...Array(3).fill('already_exists'), 'first']);
  });

  it('one that is killed in mid-write leaves all it acknowledged, and nothing by halves', async () => {
    const dir = await emptyDir();
    const acknowledged = await killInMidWrite(dir, 5);
    expect(acknowledged).toBeGreaterThanOrEqual(5);
    const { pages } = await open(dir);
    const [written, ...others] = await pages.writtenRanges(SEGMENT, { offset: 0, length: 8 * 1024 ** 3 });
    expect(others).toEqual([]);
    const rounds = (written?.length ?? 0) / ROUND_BYTES;
    // The last may be there although nobody heard of it, whole as the others are.
    expect([acknowledged, acknowledged + 1]).toContain(rounds);
    for (let round = 0; round < rounds; round++) {
      const range = { offset: round * ROUND_BYTES, length: ROUND_BYTES };
      const read = await pages.readRange(SEGMENT, range);
      expect(read.status === 'read' && Buffer.compare(read.bytes, roundBytes(round))).toBe(0);
    }
  });

  it('what one has written is in force for the other at once: its condition of before is refused', async () => {
    const dir = await emptyDir();
    const [a, b] = [await open(dir), await open(dir)];
    await a.pages.createContainer(SEGMENT.container);
    const { etag } = await a.pages.createSegment(SEGMENT, { sizeBytes: 1024, epoch: 1 });
    const page = new Uint8Array(512).fill(1);
    const next = await a.pages.writePages(SEGMENT, 0, page, { epoch: 1, etag });
    expect(await codeOf(b.pages.writePages(SEGMENT, 0, page, { epoch: 1, etag }))).toBe('etag_mismatch');
    await b.pages.fence(SEGMENT, 2);
    expect(await codeOf(a.pages.writePages(SEGMENT, 0, page, { epoch: 1, etag: next.etag }))).toBe(
      'epoch_fenced',
    );
  });

  it('a lease that one holds is refused to the other, and goes to it when it is let go of', async () => {
    const dir = await emptyDir();
    const [a, b] = [await open(dir), await open(dir)];
    const [mine, theirs] = [crypto.randomUUID(), crypto.randomUUID()];
    await Promise.all([a.leases.ensure('leader'), b.leases.ensure('leader')]);
    await a.leases.acquire('leader', mine, 15);
    expect(await codeOf(b.leases.acquire('leader', theirs, 15))).toBe('lease_conflict');
    await a.leases.release('leader', mine);
    await b.leases.acquire('leader', theirs, 15);
    expect(await a.leases.isHeld('leader')).toBe(true);
  });
});

it('when its thread dies of a bug the program hears of it, and who kept it going waits for nothing', async () => {
  const told = await text(run('survive', await emptyDir()).stdout);
  expect(told.trim().split('\n')).toEqual([
    'uncaught: no such table: documents',
    'the thread that keeps the database has ended',
    'the thread that keeps the database has ended',
    'the storage is closed',
    'closed',
  ]);
});
