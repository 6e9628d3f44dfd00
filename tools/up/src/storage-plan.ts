import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { storageDirOf } from '@message-vault/storage';
import { azuriteArguments, azuriteEndpoints } from '@message-vault/storage/testing';
import type { StorageChoice } from './options.ts';
import type { Ports } from './plan.ts';
import type { Program } from './supervised.ts';

export const STORAGE_ID = 'storage';

export interface StoragePlan {
  /** Without credentials, to be shown. */
  url: string;
  connection: string;
  /** Undefined for a storage that is not ours to start. */
  program: Program | undefined;
}

export function planStorage(choice: StorageChoice, ports: Ports, dir: string): StoragePlan {
  if (typeof choice === 'object') {
    return { url: addressOf(choice.connection), connection: choice.connection, program: undefined };
  }
  const { blobUrl, connectionString } = azuriteEndpoints(ports);
  const args = azuriteArguments({
    dir: join(dir, 'azurite'),
    inMemory: choice === 'memory',
    // Tables are not used: their service takes any free port.
    ports: { blob: ports.blob, queue: ports.queue, table: 0 },
  });
  return { url: blobUrl, connection: connectionString, program: { id: STORAGE_ID, args, env: {} } };
}

/** The folder, or the blob endpoint in a connection string or account URL, with no key and no signature in it. */
function addressOf(connection: string): string {
  const dir = storageDirOf(connection);
  if (dir !== undefined) return pathToFileURL(dir).href;
  if (/^https?:/.test(connection)) return connection.split('?')[0] ?? '';
  const endpoint = /(?:^|;)\s*BlobEndpoint=([^;?]+)/i.exec(connection)?.[1];
  const account = /(?:^|;)\s*AccountName=([^;]+)/i.exec(connection)?.[1];
  if (endpoint) return endpoint;
  return account
    ? `https://${account}.blob.core.windows.net`
    : azuriteEndpoints({ blob: 10_000, queue: 10_001 }).blobUrl;
}
