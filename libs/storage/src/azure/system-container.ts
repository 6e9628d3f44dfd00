import type { ContainerClient } from '@azure/storage-blob';
import { isStorageError } from '../errors.ts';
import type { CallOptions } from '../ports.ts';
import type { Access } from './access.ts';
import { unlessCode } from './answers.ts';
import type { Tries } from './tries.ts';

/** The container of documents and leases, made when something is first to be put into it. */
export interface SystemContainer {
  readonly name: string;
  client(): ContainerClient;
  /** Does `create`, and once more after making the container, if it was not there. */
  creating<T>(options: CallOptions | undefined, create: () => Promise<T>): Promise<T>;
}

export function systemContainer(access: Access, tries: Tries, name: string): SystemContainer {
  return {
    name,
    client: () => access.container(name),
    async creating(options, create) {
      try {
        return await create();
      } catch (error) {
        // A blob that is being created needs none to be there: what is missing is the container.
        if (!isStorageError(error, 'not_found')) throw error;
      }
      await tries
        .repeatedly(options, (abortSignal) => access.container(name).create({ abortSignal }))
        .catch(unlessCode('already_exists'));
      return create();
    },
  };
}
