import type { Storage } from '../ports.ts';
import { checkContainer } from '../rules.ts';
import { openAccess } from './access.ts';
import { azureBodies } from './bodies.ts';
import { azureDocuments } from './documents.ts';
import { azureGrants } from './grants.ts';
import { azureLeases } from './leases.ts';
import { azurePages } from './pages.ts';
import { azureQueues } from './queues.ts';
import { type AzureStorageOptions, defaultAzureSettings } from './settings.ts';
import { systemContainer } from './system-container.ts';
import { tries } from './tries.ts';

/**
 * Azure Blob Storage with the Queue Storage of the same account, or Azurite, as a backend.
 *
 * Streams are page blobs in containers of their own, bodies block blobs; documents and leases are blobs in the system
 * container, which is made when something is first put into it. Queues are queues of the account. Reads and calls that may be repeated are tried a bounded number of times;
 * writes are sent exactly once. Nothing is called before the first call. Errors at once: `invalid_request`, for
 * settings that can't be meant.
 */
export function azureStorage(options: AzureStorageOptions): Storage {
  const settings = { ...defaultAzureSettings, ...options };
  checkContainer(settings.systemContainer);
  const access = openAccess(options, settings);
  const made = tries(settings);
  const system = systemContainer(access, made, settings.systemContainer);
  return {
    pages: azurePages(access, made),
    leases: azureLeases(made, system),
    documents: azureDocuments(access, made, system),
    queues: azureQueues(access.queues, made),
    bodies: azureBodies(access, made),
    grants: access.signer && azureGrants(access, made, access.signer, settings.runtime),
    async close() {
      await Promise.all([access.pool.close(), access.queues?.pool.close()]);
    },
  };
}
