import type { Runtime } from '@message-vault/runtime';
import {
  type CallOptions,
  type DocumentCondition,
  type DocumentStore,
  isStorageError,
  type LeaseStore,
  StorageError,
  type StoredDocument,
} from '@message-vault/storage';

/**
 * The storage calls of the election: each bounded in time, whatever the store does, and counted.
 * Rejects with StorageError only, `unavailable` (reads) or `outcome_unknown` (writes) when the time is up.
 */
export class StorageCalls {
  readonly #runtime: Runtime;
  readonly #leases: LeaseStore;
  readonly #documents: DocumentStore;
  readonly #timeoutMs: number;
  #count = 0;

  constructor(options: {
    runtime: Runtime;
    leases: LeaseStore;
    documents: DocumentStore;
    timeoutMs: number;
  }) {
    this.#runtime = options.runtime;
    this.#leases = options.leases;
    this.#documents = options.documents;
    this.#timeoutMs = options.timeoutMs;
  }

  /** Calls made so far. */
  get count(): number {
    return this.#count;
  }

  ensureLease(lease: string): Promise<void> {
    return this.#bounded('outcome_unknown', (options) => this.#leases.ensure(lease, options));
  }

  acquire(lease: string, leaseId: string, durationSeconds: number): Promise<void> {
    return this.#bounded('outcome_unknown', (options) =>
      this.#leases.acquire(lease, leaseId, durationSeconds, options),
    );
  }

  renew(lease: string, leaseId: string): Promise<void> {
    return this.#bounded('outcome_unknown', (options) => this.#leases.renew(lease, leaseId, options));
  }

  break(lease: string): Promise<void> {
    return this.#bounded('outcome_unknown', (options) => this.#leases.break(lease, options));
  }

  release(lease: string, leaseId: string): Promise<void> {
    return this.#bounded('outcome_unknown', (options) => this.#leases.release(lease, leaseId, options));
  }

  isHeld(lease: string): Promise<boolean> {
    return this.#bounded('unavailable', (options) => this.#leases.isHeld(lease, options));
  }

  get(path: string): Promise<StoredDocument | undefined> {
    return this.#bounded('unavailable', (options) => this.#documents.get(path, options));
  }

  put(path: string, body: Uint8Array, condition: DocumentCondition): Promise<{ etag: string }> {
    return this.#bounded('outcome_unknown', (options) => this.#documents.put(path, body, condition, options));
  }

  async #bounded<Answer>(
    whenLate: 'unavailable' | 'outcome_unknown',
    call: (options: CallOptions) => Promise<Answer>,
  ): Promise<Answer> {
    this.#count += 1;
    const abort = new AbortController();
    const late = Promise.withResolvers<never>();
    const timer = this.#runtime.setTimer(this.#timeoutMs, () => {
      late.reject(new StorageError(whenLate, `the storage gave no answer within ${this.#timeoutMs} ms`));
      abort.abort();
    });
    try {
      return await Promise.race([call({ signal: abort.signal }), late.promise]);
    } finally {
      timer.cancel();
    }
  }
}

/** True when the failure says something about reaching the storage, false when the storage has spoken. */
export function isSilence(error: unknown): boolean {
  return isStorageError(error, 'unavailable', 'outcome_unknown', 'throttled', 'unauthorized');
}
