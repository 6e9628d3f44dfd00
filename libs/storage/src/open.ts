import { fileURLToPath } from 'node:url';
import { azureStorage } from './azure/storage.ts';
import { StorageError } from './errors.ts';
import { fileStorage } from './file/storage.ts';
import type { Storage } from './ports.ts';

export interface OpenStorageOptions {
  /** Container of the system documents, or the name of the database in a folder. Default `mv-sys`. */
  readonly systemContainer?: string;
  /** Of Azure Storage, to each service at most. */
  readonly maxConnections?: number;
  /** Of a folder: refuses one without a database, instead of making it. */
  readonly mustExist?: boolean;
}

/**
 * The storage that a line of configuration names: `file:DIR` a folder of this machine, a URL of http an account (it signs in
 * by itself), everything else a connection string. Errors: `invalid_request`, for what can't be meant or used.
 */
export async function openStorage(connection: string, options: OpenStorageOptions = {}): Promise<Storage> {
  const { systemContainer, maxConnections, mustExist } = options;
  const dir = storageDirOf(connection);
  if (dir !== undefined)
    return await fileStorage({
      dir,
      mustExist,
      ...(systemContainer !== undefined && { name: systemContainer }),
    });
  const access = /^https?:/.test(connection) ? { accountUrl: connection } : { connectionString: connection };
  return azureStorage({
    ...access,
    ...(systemContainer !== undefined && { systemContainer }),
    ...(maxConnections !== undefined && { maxConnections }),
  });
}

/** The folder that `file:DIR` (or its URL, `file:///…`) names; undefined for any other storage. Errors: `invalid_request`. */
export function storageDirOf(connection: string): string | undefined {
  if (!connection.startsWith('file:')) return undefined;
  if (!connection.startsWith('file://')) {
    const dir = connection.slice('file:'.length);
    if (dir === '') throw new StorageError('invalid_request', 'file: takes a folder, as in file:data');
    // No shell replaces it there, and a folder of that name would be made in the working directory.
    if (/^~(?:\/|$)/.test(dir))
      throw new StorageError(
        'invalid_request',
        `~ means nothing in ${connection}: write the whole path, or $HOME`,
      );
    return dir;
  }
  try {
    return fileURLToPath(connection);
  } catch (cause) {
    throw new StorageError('invalid_request', `${connection} names no folder of this machine`, { cause });
  }
}
