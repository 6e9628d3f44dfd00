import { mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '@message-vault/runtime';

// What is made here is its owner's alone: the cluster's secret is in the database. What is there keeps the rights it has.

/**
 * Makes the folder, and those above it, where they are not there. Node's own way of making several (`recursive`) tries
 * for ever where nothing can be made, as under `/proc`. Errors: those of the system.
 */
export async function makeFolder(folder: string): Promise<void> {
  if (await isFolder(folder)) return;
  const above = dirname(folder);
  if (above !== folder) await makeFolder(above);
  await mkdir(folder, { mode: 0o700 }).catch(async (error: unknown) => {
    // Somebody else may have made it meanwhile.
    if (!(await isFolder(folder))) throw error;
  });
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Makes the file, empty, where it is not there. SQLite gives those that it puts beside it the same rights. */
export async function makeFile(path: string): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
  });
  await file?.close();
}
