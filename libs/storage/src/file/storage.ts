import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { messageOf } from '@message-vault/runtime';
import { StorageError } from '../errors.ts';
import type { Storage } from '../ports.ts';
import { checkContainer } from '../rules.ts';
import { fileBodies } from './bodies.ts';
import { fileCalls } from './calls.ts';
import { type FileClock, hostClock } from './clock.ts';
import { fileDocuments } from './documents.ts';
import { fileLeases } from './leases.ts';
import { makeFile, makeFolder } from './making.ts';
import { filePages } from './pages.ts';
import { fileQueues } from './queues.ts';
import { DatabaseThread } from './thread.ts';

export interface FileStorageOptions {
  /** The folder, on a disk of this machine; made when it is not there. */
  readonly dir: string;
  /** Name of the database in it. Clusters with different ones share a folder without meeting. Default `mv-sys`. */
  readonly name?: string;
  /** Refuses a folder without a database, instead of making one: for who looks after what is there. */
  readonly mustExist?: boolean | undefined;
  /** Longest a call is waited for, milliseconds. Default 10 s; half of it for its turn to write. */
  readonly timeoutMs?: number;
  readonly clock?: FileClock;
}

/**
 * A whole backend in one folder of this machine's disk, in a SQLite database: what is acknowledged is on disk, and several
 * processes have it open at once. Nothing of it works over a network file system, whose locks can't be trusted.
 *
 * Errors: `invalid_request`, in words, for a folder or a file that can't be used.
 */
export async function fileStorage(options: FileStorageOptions): Promise<Storage> {
  return portsOf(await openThread(options), options.clock ?? hostClock);
}

/** Errors: as `fileStorage`. */
export async function openThread({
  dir,
  name = 'mv-sys',
  mustExist = false,
  timeoutMs = 10_000,
}: FileStorageOptions): Promise<DatabaseThread> {
  checkContainer(name);
  const folder = resolve(dir);
  const path = join(folder, `${name}.db`);
  if (mustExist)
    await access(path).catch((cause: unknown) => {
      throw new StorageError('invalid_request', `there is no database ${path}: is it the right folder?`, {
        cause,
      });
    });
  await makeFolder(folder)
    .then(() => makeFile(path))
    .catch((cause: unknown) => {
      const why = messageOf(cause);
      throw new StorageError('invalid_request', `the folder ${folder} can't be used: ${why}`, { cause });
    });
  return DatabaseThread.open(path, timeoutMs);
}

/** The ports over a database that is open. */
export function portsOf(thread: DatabaseThread, clock: FileClock): Storage {
  const calls = fileCalls(thread);
  return {
    pages: filePages(calls, clock),
    leases: fileLeases(calls, clock),
    documents: fileDocuments(calls, clock),
    queues: fileQueues(calls, clock),
    bodies: fileBodies(calls, clock),
    grants: undefined,
    close: () => thread.close(),
  };
}
