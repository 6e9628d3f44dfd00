import type { Storage } from '@message-vault/storage';
import type { Command } from 'commander';
import { CommandFailure, EXIT, UsageError } from './exit.ts';

export interface StorageAccessOptions {
  readonly storage?: string;
  readonly systemContainer: string;
  readonly json?: true;
}

/** For commands that reach the storage directly, as the nodes reach it. */
export function withStorageOptions(command: Command): Command {
  return command
    .option('--storage <connection>', 'connection string or account URL of the storage, or file:DIR')
    .option('--system-container <name>', 'container of the system documents', 'mv-sys')
    .option('--json', 'answer in JSON, for programs');
}

/**
 * Gives `use` the storage, and closes it afterwards. Throws UsageError when nothing says where it is, and CommandFailure
 * for what goes wrong with it: `overtaken` is what to say when what is to be changed has changed meanwhile.
 */
export async function withStorage<T>(
  options: StorageAccessOptions,
  overtaken: string,
  use: (storage: Storage) => Promise<T>,
): Promise<T> {
  const access = options.storage || process.env.MVAULT_STORAGE?.trim();
  if (!access) throw new UsageError('--storage or MVAULT_STORAGE is needed');
  // Only who needs it is to load what speaks to the storage.
  const { isStorageError, openStorage } = await import('@message-vault/storage');
  const { systemContainer } = options;
  try {
    const storage = await openStorage(access, { systemContainer, mustExist: true });
    return await use(storage).finally(() => storage.close());
  } catch (error) {
    if (!isStorageError(error)) throw error;
    const wasOvertaken = error.code === 'etag_mismatch' || error.code === 'already_exists';
    throw new CommandFailure(wasOvertaken ? overtaken : error.message, EXIT.failure, { cause: error });
  }
}
