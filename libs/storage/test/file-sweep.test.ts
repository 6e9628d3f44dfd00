import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Connection } from '../src/file/database/connection.ts';
import { writesOn } from '../src/file/database/operations.ts';
import { openDatabase } from '../src/file/database/schema.ts';
import { sweep } from '../src/file/database/sweep.ts';

const MESSAGES = 1000;
/** The most that may go in one transaction, during which nobody else writes. */
const MOST = 256;

async function emptyDatabase(): Promise<Connection> {
  const dir = await mkdtemp(join(tmpdir(), 'mvault-file-'));
  const db = openDatabase(join(dir, 'mv-sys.db'));
  onTestFinished(() => {
    db.close();
    return rm(dir, { recursive: true, force: true });
  });
  return db;
}

/** A queue of messages that live for a second, and one that stays. */
async function filledQueue() {
  const db = await emptyDatabase();
  const expired = new Map<number, number>();
  const writes = writesOn(db, expired);
  writes.createQueue('full');
  const send = (timeToLiveMs?: number) =>
    writes.sendMessage('full', new Uint8Array([1]), { timeToLiveMs }, 0);
  for (let count = 1; count < MESSAGES; count++) send(1000);
  const { messageId } = send();
  const left = (): unknown => db.get('SELECT count(*) AS count FROM messages')?.count;
  /** How many are left after each step. */
  function* steps(): Generator<unknown> {
    while (sweep(db, expired)) yield left();
  }
  return { db, writes, left, steps, stays: messageId };
}

describe('many messages are removed in bounded steps, between which others write', () => {
  it('of a queue that is deleted: it is gone at once, and can be there again', async () => {
    const { db, writes, left, steps } = await filledQueue();
    writes.deleteQueue('full');
    writes.createQueue('full');
    expect(writes.receiveMessages('full', 32, 1000, 0)).toEqual([]);
    expect(left()).toBe(MESSAGES);
    expect([...steps()]).toEqual([MESSAGES - MOST, MESSAGES - 2 * MOST, MESSAGES - 3 * MOST, 0]);
    expect(db.all('SELECT name FROM queues')).toEqual([expect.objectContaining({ name: 'full' })]);
  });

  it('that have expired: a receiver is not given them, and the rest goes later', async () => {
    const { writes, left, steps, stays } = await filledQueue();
    const received = writes.receiveMessages('full', 32, 1000, 5000);
    expect(received.map(({ messageId }) => messageId)).toEqual([stays]);
    expect(left()).toBe(MESSAGES - MOST);
    // The last of them are found to be the last without another step.
    expect([...steps()]).toEqual([MESSAGES - 2 * MOST, MESSAGES - 3 * MOST]);
    expect(left()).toBe(1);
  });
});
