import { join } from 'node:path';
import { azuriteArguments, azuriteConnection, azuriteUrl } from './azurite.ts';
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
  const args = azuriteArguments(ports, choice === 'memory' ? undefined : join(dir, 'azurite'));
  return {
    url: azuriteUrl(ports),
    connection: azuriteConnection(ports),
    program: { id: STORAGE_ID, args, env: {} },
  };
}

/** The blob endpoint in a connection string or account URL, with no key and no signature in it. */
function addressOf(connection: string): string {
  if (/^https?:/.test(connection)) return connection.split('?')[0] ?? '';
  const endpoint = /(?:^|;)\s*BlobEndpoint=([^;?]+)/i.exec(connection)?.[1];
  const account = /(?:^|;)\s*AccountName=([^;]+)/i.exec(connection)?.[1];
  if (endpoint) return endpoint;
  return account ? `https://${account}.blob.core.windows.net` : azuriteUrl({ blob: 10_000, queue: 10_001 });
}
