import {
  AccountSASPermissions,
  generateAccountSASQueryParameters,
  type StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { abortable, type Runtime } from '@message-vault/runtime';
import { StorageError } from '../errors.ts';
import { type HttpAnswer, type HttpPool, httpPool } from './http-pool.ts';
import type { AzureSettings } from './settings.ts';
import type { BearerTokens } from './tokens.ts';

/** What proves to the storage that a direct request may be made: a SAS in the query, or a header. */
export interface Authorization {
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Gives what authorizes requests, and hears of it when that did not convince. */
export interface Authorizer {
  current(): Authorization | Promise<Authorization>;
  /** The storage, whose time it is by its own word (milliseconds, NaN when it does not say), refused a request that carried it. */
  refused(authorization: Authorization, storageTimeMs: number): void;
}

/** One service of a storage account, for requests made without the SDK. */
export interface Endpoint {
  readonly pool: HttpPool;
  /** Account URL without query, and without a slash at the end. */
  readonly accountUrl: string;
  /** Path of that URL: empty, or the account's name where it is not in the host's. */
  readonly basePath: string;
  readonly authorizer: Authorizer;
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
  authorizer: Authorizer,
): Endpoint {
  const { origin, pathname } = parseUrl(accountUrl);
  return {
    pool: httpPool(origin, { maxConnections }),
    accountUrl,
    basePath: pathname.replace(/\/+$/, ''),
    authorizer,
  };
}

/** What authorizes a request, as long as somebody waits for it. Rejects with the signal's reason: nothing was sent then. */
export function authorizationFor({ authorizer }: Endpoint, signal: AbortSignal): Promise<Authorization> {
  const current = authorizer.current();
  if (!(current instanceof Promise)) return Promise.resolve(current);
  return abortable(current, signal);
}

/** Lets go of an authorization that was refused: a key, a role or the time may have changed since it was made. */
export function heed({ authorizer }: Endpoint, authorization: Authorization, answer: HttpAnswer): void {
  if (answer.status !== 401 && answer.status !== 403) return;
  authorizer.refused(authorization, Date.parse(String(answer.headers.date)));
}

/** Authorizes by the SAS that was given, whatever it is good for. */
export function bySas(query: string): Authorizer {
  const authorization = { ...none, query };
  return { current: () => authorization, refused: () => {} };
}

export function byToken(tokens: BearerTokens, runtime: Runtime): Authorizer {
  const headerOf = (token: string): string => `Bearer ${token}`;
  return {
    current: async () => ({
      query: '',
      headers: {
        authorization: headerOf(await tokens.current()),
        'x-ms-date': new Date(runtime.now()).toUTCString(),
      },
    }),
    refused: ({ headers }) => tokens.refused((token) => headerOf(token) === headers.authorization),
  };
}

/** What a SAS of our own is for, in the letters of Azure's "Create an account SAS". */
export interface SasScope {
  readonly services: string;
  readonly resourceTypes: string;
  readonly permissions: string;
}

/**
 * A SAS signed with the account's key, for requests made without the SDK: signing each of them would cost more than all
 * the rest of the request. Its age is taken on the monotonic clock, so a wall clock that is set does not make it stale. It
 * has no beginning, and its end is counted from the storage's time once that has refused one: a wall clock that is
 * wrong by more than the quarter of an hour that signed requests are allowed does no harm.
 */
export function byOwnSas(
  credential: StorageSharedKeyCredential,
  { services, resourceTypes, permissions }: SasScope,
  runtime: Runtime,
): Authorizer {
  let current: Authorization = none;
  let renewAt = Number.NEGATIVE_INFINITY;
  /** How far the storage's clock is ahead of ours. */
  let aheadMs = 0;
  return {
    current() {
      if (runtime.monotonic() >= renewAt) {
        const values = {
          version: apiVersion,
          expiresOn: new Date(runtime.now() + aheadMs + ownSas.validForMs),
          permissions: AccountSASPermissions.parse(permissions),
          services,
          resourceTypes,
        };
        current = { ...none, query: generateAccountSASQueryParameters(values, credential).toString() };
        renewAt = runtime.monotonic() + ownSas.renewAfterMs;
      }
      return current;
    },
    refused(authorization, storageTimeMs) {
      if (authorization !== current) return;
      if (!Number.isNaN(storageTimeMs)) aheadMs = storageTimeMs - runtime.now();
      renewAt = Number.NEGATIVE_INFINITY;
    },
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
