import {
  AccountSASPermissions,
  generateAccountSASQueryParameters,
  type StorageSharedKeyCredential,
} from '@azure/storage-blob';
import type { Runtime } from '@message-vault/runtime';
import { StorageError } from '../errors.ts';
import { type HttpPool, httpPool } from './http-pool.ts';
import type { AzureSettings } from './settings.ts';
import type { BearerTokens } from './tokens.ts';

/** What proves to the storage that a direct request may be made: a SAS in the query, or a header. */
export interface Authorization {
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
}

export type Authorize = () => Authorization | Promise<Authorization>;

/** One service of a storage account, for requests made without the SDK. */
export interface Endpoint {
  readonly pool: HttpPool;
  /** Account URL without query, and without a slash at the end. */
  readonly accountUrl: string;
  /** Path of that URL: empty, or the account's name where it is not in the host's. */
  readonly basePath: string;
  readonly authorize: Authorize;
}

/** API version of the requests made without the SDK, and of the SAS they carry. */
export const apiVersion = '2021-12-02';

/** How long a SAS we sign for ourselves is valid, and after how long the next one is taken. */
const ownSas = { validForMs: 24 * 3_600_000, renewAfterMs: 6 * 3_600_000 } as const;

const none = { query: '', headers: {} } as const;

/** The endpoint at `accountUrl`, with connections of its own: another service is another server. */
export function endpointAt(
  accountUrl: string,
  { maxConnections }: AzureSettings,
  authorize: Authorize,
): Endpoint {
  const { origin, pathname } = parseUrl(accountUrl);
  return {
    pool: httpPool(origin, { maxConnections }),
    accountUrl,
    basePath: pathname.replace(/\/+$/, ''),
    authorize,
  };
}

/** Authorizes by the SAS that was given, whatever it is good for. */
export function bySas(query: string): Authorize {
  const authorization = { ...none, query };
  return () => authorization;
}

export function byToken(tokens: BearerTokens, runtime: Runtime): Authorize {
  return async () => ({
    query: '',
    headers: {
      authorization: `Bearer ${await tokens.current()}`,
      'x-ms-date': new Date(runtime.now()).toUTCString(),
    },
  });
}

/** What a SAS of our own is for, in the letters of Azure's "Create an account SAS". */
export interface SasScope {
  readonly services: string;
  readonly resourceTypes: string;
  readonly permissions: string;
}

/**
 * A SAS signed with the account's key, for requests made without the SDK: signing each of them would cost more than all
 * the rest of the request. Its age is taken on the monotonic clock, so a wall clock that is set does not make it stale.
 */
export function byOwnSas(
  credential: StorageSharedKeyCredential,
  { services, resourceTypes, permissions }: SasScope,
  runtime: Runtime,
): Authorize {
  let current: Authorization = none;
  let renewAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (runtime.monotonic() >= renewAt) {
      const values = {
        version: apiVersion,
        expiresOn: new Date(runtime.now() + ownSas.validForMs),
        permissions: AccountSASPermissions.parse(permissions),
        services,
        resourceTypes,
      };
      current = { ...none, query: generateAccountSASQueryParameters(values, credential).toString() };
      renewAt = runtime.monotonic() + ownSas.renewAfterMs;
    }
    return current;
  };
}

/** Errors: `invalid_request`, without repeating the text, which may hold a secret. */
export function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new StorageError(
      'invalid_request',
      'the storage is given by a URL that begins with http:// or https://',
    );
  }
  return url;
}
