import { EventEmitter } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hostClock } from '../src/file/clock.ts';
import { Disk } from '../src/file/database/disk.ts';
import { openDatabase } from '../src/file/database/schema.ts';
import { type Answer, type Request, Turns } from '../src/file/database/turns.ts';

/** A wait for the disk that goes on until the test ends it. */
interface Wait {
  end(): void;
  fail(): void;
}

async function emptyDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'mvault-file-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** One process's turns at the database, whose disk is as slow as the test wants it. */
function turnsIn(dir: string) {
  const waits: Wait[] = [];
  const answers = new Map<number, Answer>();
  const sync = (): Promise<void> =>
    new Promise((resolve, reject) => {
      waits.push({ end: resolve, fail: () => reject(new Error('EIO')) });
    });
  const disk = new Disk({ sync, close: async () => {} });
  const turns = new Turns(openDatabase(join(dir, 'mv-sys.db')), disk, (answer) => {
    answers.set(answer.id, answer);
  });
  // As they come to it from the other thread.
  const port = new EventEmitter().on('message', (request: Request) => turns.take(request));
  const call = (id: number, operation: Request['operation'], ...args: unknown[]): void => {
    const beginBy = hostClock.monotonic() + 60_000;
    port.emit('message', { id, operation, args, byteLength: 0, lostAs: 'outcome_unknown', beginBy });
  };
  onTestFinished(async () => {
    const ended = turns.finish();
    // Whatever still waits, and what begins to wait after that.
    const timer = setInterval(() => {
      for (const wait of waits) wait.end();
    }, 1);
    await ended;
    clearInterval(timer);
  });
  return {
    answers,
    put: (id: number, path: string) =>
      call(id, 'putDocument', path, new Uint8Array([1]), { ifAbsent: true }, 0),
    get: (id: number, path: string) => call(id, 'getDocument', path, 0),
    /** The wait for the disk that is the `number`th, counted from 0, once it has begun. */
    wait: (number: number) =>
      expect
        .poll(() => waits[number])
        .toBeDefined()
        .then(() => waits[number] ?? expect.fail()),
    waits,
  };
}

const found = { value: { body: new Uint8Array([1]), etag: expect.any(String) } };
const written = { value: { etag: expect.any(String) } };

describe('a process that waits for the disk', () => {
  it('is in nobody’s way, and acknowledges when it is over', async () => {
    const dir = await emptyDir();
    const [frozen, other] = [turnsIn(dir), turnsIn(dir)];
    frozen.put(1, 'first');
    const frozenWait = await frozen.wait(0);
    other.put(1, 'second');
    (await other.wait(0)).end();
    await expect.poll(() => other.answers.get(1)).toMatchObject(written);
    expect(frozen.answers.size).toBe(0);
    frozenWait.end();
    await expect.poll(() => frozen.answers.get(1)).toMatchObject(written);
  });

  it('does so by itself: no transaction waits, which would have the lock meanwhile', async () => {
    const db = openDatabase(join(await emptyDir(), 'mv-sys.db'));
    onTestFinished(() => db.close());
    expect(db.get('PRAGMA synchronous')).toMatchObject({ synchronous: 1 });
  });

  it('shows nobody what the disk may still lose: who reads it has it put there first', async () => {
    const dir = await emptyDir();
    const [writer, reader] = [turnsIn(dir), turnsIn(dir)];
    reader.get(1, 'path');
    (await reader.wait(0)).end();
    await expect.poll(() => reader.answers.get(1)).toMatchObject({ value: undefined });
    writer.put(1, 'path');
    await writer.wait(0);
    writer.get(2, 'path');
    reader.get(2, 'path');
    const wait = await reader.wait(1);
    expect([writer.answers.size, reader.answers.size]).toEqual([0, 1]);
    wait.end();
    await expect.poll(() => reader.answers.get(2)).toMatchObject(found);
    // What has not changed since is told without a wait.
    reader.get(3, 'path');
    expect(reader.answers.get(3)).toMatchObject(found);
    expect(reader.waits).toHaveLength(2);
    expect(writer.answers.size).toBe(0);
  });

  it('takes what comes meanwhile together, in its next turn', async () => {
    const { put, get, wait, answers, waits } = turnsIn(await emptyDir());
    put(1, 'a');
    const first = await wait(0);
    put(2, 'b');
    put(3, 'c');
    first.end();
    (await wait(1)).end();
    await expect.poll(() => answers.size).toBe(3);
    get(4, 'c');
    expect(answers.get(4)).toMatchObject(found);
    expect(waits).toHaveLength(2);
  });

  it('that fails says so to whoever it concerns, and takes nothing more', async () => {
    const { put, get, wait, answers, waits } = turnsIn(await emptyDir());
    put(1, 'path');
    (await wait(0)).fail();
    const lost = { failure: { code: 'outcome_unknown', message: expect.stringContaining('EIO') } };
    await expect.poll(() => answers.get(1)).toMatchObject(lost);
    put(2, 'other');
    get(3, 'path');
    await expect.poll(() => [answers.get(2), answers.get(3)]).toMatchObject([lost, lost]);
    expect(waits).toHaveLength(1);
  });
});
