import type { TokenCredential } from '@azure/identity';
import { type Runtime, systemRuntime } from '@message-vault/runtime';

/** How to get at the storage. */
export type AzureAccess =
  /** Account key or SAS in a connection string; `UseDevelopmentStorage=true` is an Azurite on its usual port. */
  | { readonly connectionString: string }
  /**
   * URL of the account's blob service, with a SAS query or without one. Without: `credential`, or DefaultAzureCredential,
   * which is loaded at the first call that needs a token. `queueUrl`: that of its queue service, where it is not the same
   * with `queue` for `blob` in the host's name.
   */
  | { readonly accountUrl: string; readonly queueUrl?: string; readonly credential?: TokenCredential }
  /** What a ReadGrant holds. Only reads of that container succeed; everything else fails with `unauthorized`. */
  | { readonly containerSasUrl: string };

/** Times in milliseconds, for each single try. */
export interface AzureSettings {
  /** Container of documents and leases. Default `mv-sys`. */
  readonly systemContainer: string;
  /** Longest try of a read or of a call that may be repeated. Default 10 s. */
  readonly readTimeoutMs: number;
  /** Longest a write is waited for, before its outcome counts as unknown. Default 10 s. */
  readonly writeTimeoutMs: number;
  /** Tries of a read or of a call that may be repeated, the first one included. Writes are sent once. Default 4. */
  readonly maxTries: number;
  /** The n-th pause between tries is random, up to this times 2 to the n-1. Default 100 ms. */
  readonly backoffMs: number;
  /** Longest pause between tries, also where the storage asks for a longer one. Default 2 s. */
  readonly maxBackoffMs: number;
  /** Connections to each service at most; further calls wait for one, within their time-out. Default 64. */
  readonly maxConnections: number;
  readonly runtime: Runtime;
}

export type AzureStorageOptions = AzureAccess & Partial<AzureSettings>;

export const defaultAzureSettings: AzureSettings = {
  systemContainer: 'mv-sys',
  readTimeoutMs: 10_000,
  writeTimeoutMs: 10_000,
  maxTries: 4,
  backoffMs: 100,
  maxBackoffMs: 2_000,
  maxConnections: 64,
  runtime: systemRuntime,
};
