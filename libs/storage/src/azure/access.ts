import {
  AccountSASPermissions,
  AnonymousCredential,
  BlobServiceClient,
  type ContainerClient,
  generateAccountSASQueryParameters,
  newPipeline,
  type Pipeline,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import type { Runtime } from '@message-vault/runtime';
import { StorageError } from '../errors.ts';
import { parseConnectionString } from './connection-string.ts';
import { type HttpPool, httpPool } from './http-pool.ts';
import { sdkHttpClient } from './sdk-client.ts';
import type { AzureAccess, AzureSettings } from './settings.ts';
import { type BearerTokens, bearerTokens } from './tokens.ts';

/** What proves to the storage that a direct request may be made: a SAS in the query, or a header. */
interface Authorization {
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Who may sign read access for others. */
export type Signer =
  | { readonly kind: 'key'; readonly credential: StorageSharedKeyCredential }
  | { readonly kind: 'delegation'; readonly service: BlobServiceClient; readonly accountName: string };

/** The way to one storage account, or to one container of it. */
export interface Access {
  readonly pool: HttpPool;
  /** Account URL without query, and without a slash at the end. */
  readonly accountUrl: string;
  /** Path of that URL: empty, or the account's name where it is not in the host's. */
  readonly basePath: string;
  /** The SDK's client of a container. */
  container(name: string): ContainerClient;
  /** For requests made without the SDK. */
  authorize(): Authorization | Promise<Authorization>;
  readonly signer: Signer | undefined;
}

/** API version of the requests made without the SDK, and of the SAS they carry. */
export const apiVersion = '2021-12-02';

/** How long a SAS we sign for ourselves is valid, and after how long the next one is taken. */
const ownSas = { validForMs: 24 * 3_600_000, renewAfterMs: 6 * 3_600_000 } as const;

const none = { query: '', headers: {} } as const;

/** Errors: `invalid_request` for what is not a connection string or URL. */
export function openAccess(how: AzureAccess, settings: AzureSettings): Access {
  if ('containerSasUrl' in how) return containerAccess(how.containerSasUrl, settings);
  if ('accountUrl' in how) {
    const url = parseUrl(how.accountUrl);
    const accountUrl = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
    if (url.searchParams.has('sig')) return sasAccess(accountUrl, url.search.slice(1), settings);
    if (url.protocol !== 'https:')
      throw new StorageError('invalid_request', 'tokens are sent over https only');
    return tokenAccess(accountUrl, bearerTokens(how.credential, settings.runtime), settings);
  }
  const { blobUrl, access } = parseConnectionString(how.connectionString);
  if (access.kind === 'sas') return sasAccess(blobUrl, access.query, settings);
  return keyAccess(blobUrl, new StorageSharedKeyCredential(access.accountName, access.accountKey), settings);
}

function keyAccess(
  accountUrl: string,
  credential: StorageSharedKeyCredential,
  settings: AzureSettings,
): Access {
  const pool = poolOf(accountUrl, settings);
  const service = new BlobServiceClient(accountUrl, pipeline(pool, credential));
  return {
    ...endpoint(pool, accountUrl),
    container: (name) => service.getContainerClient(name),
    authorize: ownSasOf(credential, settings.runtime),
    signer: { kind: 'key', credential },
  };
}

function tokenAccess(accountUrl: string, tokens: BearerTokens, settings: AzureSettings): Access {
  const pool = poolOf(accountUrl, settings);
  const service = new BlobServiceClient(accountUrl, pipeline(pool, tokens.credential));
  return {
    ...endpoint(pool, accountUrl),
    container: (name) => service.getContainerClient(name),
    authorize: async () => ({
      query: '',
      headers: {
        authorization: `Bearer ${await tokens.current()}`,
        'x-ms-date': new Date(settings.runtime.now()).toUTCString(),
      },
    }),
    signer: { kind: 'delegation', service, accountName: service.accountName },
  };
}

function sasAccess(accountUrl: string, query: string, settings: AzureSettings): Access {
  const pool = poolOf(accountUrl, settings);
  const service = new BlobServiceClient(`${accountUrl}?${query}`, pipeline(pool, new AnonymousCredential()));
  const authorization = { ...none, query };
  return {
    ...endpoint(pool, accountUrl),
    container: (name) => service.getContainerClient(name),
    authorize: () => authorization,
    signer: undefined,
  };
}

/** What the SAS does not cover, another container above all, the storage itself refuses. */
function containerAccess(containerSasUrl: string, settings: AzureSettings): Access {
  const url = parseUrl(containerSasUrl);
  const accountPath = url.pathname.replace(/\/[^/]*\/?$/, '');
  return sasAccess(`${url.origin}${accountPath}`, url.search.slice(1), settings);
}

/**
 * A SAS signed with the account's key, for requests made without the SDK: signing each of them would cost more than all
 * the rest of the request. Its age is taken on the monotonic clock, so a wall clock that is set does not make it stale.
 */
function ownSasOf(credential: StorageSharedKeyCredential, runtime: Runtime): () => Authorization {
  let current: Authorization = none;
  let renewAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (runtime.monotonic() >= renewAt) {
      const values = {
        version: apiVersion,
        expiresOn: new Date(runtime.now() + ownSas.validForMs),
        permissions: AccountSASPermissions.parse('rw'),
        services: 'b',
        resourceTypes: 'o',
      };
      current = { ...none, query: generateAccountSASQueryParameters(values, credential).toString() };
      renewAt = runtime.monotonic() + ownSas.renewAfterMs;
    }
    return current;
  };
}

function endpoint(pool: HttpPool, accountUrl: string): Pick<Access, 'pool' | 'accountUrl' | 'basePath'> {
  return { pool, accountUrl, basePath: parseUrl(accountUrl).pathname.replace(/\/+$/, '') };
}

function pipeline(pool: HttpPool, credential: Parameters<typeof newPipeline>[0]): Pipeline {
  // Retries are ours: the SDK's own would send a write a second time.
  return newPipeline(credential, { retryOptions: { maxTries: 1 }, httpClient: sdkHttpClient(pool) });
}

function poolOf(accountUrl: string, { maxConnections }: AzureSettings): HttpPool {
  return httpPool(parseUrl(accountUrl).origin, { maxConnections });
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new StorageError(
      'invalid_request',
      'the storage is given by a URL that begins with http:// or https://',
    );
  }
  return url;
}
