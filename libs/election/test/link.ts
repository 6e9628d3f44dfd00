import type { Runtime } from '@message-vault/runtime';
import { type DocumentStore, type LeaseStore, type Storage, StorageError } from '@message-vault/storage';
import type { NodeRuntime } from './node-runtime.ts';

/** What happens to one storage call. */
export type Fate =
  | 'pass'
  /** Refused on the way: never applied. Writes fail with `outcome_unknown` all the same, as they would. */
  | 'refuse'
  /** Lost on the way, no answer ever. */
  | 'lose'
  /** Applied, no answer ever. */
  | 'lose_answer'
  /** Refused by the storage for load. */
  | 'throttle';

/** A call that is lost can still arrive: `delayMs` after it was sent. */
export type FateOf = (operation: string, argument: string) => Fate | { readonly arriveAfterMs: number };

const LATENCY_MS = 2;

/** The line between one node and the storage. */
export class StorageLink {
  fate: FateOf = () => 'pass';
  readonly calls: { operation: string; argument: string; at: number }[] = [];
  readonly leases: LeaseStore;
  readonly documents: DocumentStore;
  readonly #base: Runtime;
  readonly #node: NodeRuntime;

  constructor(base: Runtime, node: NodeRuntime, storage: Storage) {
    this.#base = base;
    this.#node = node;
    const { leases, documents } = storage;
    const write = <T>(operation: string, argument: string, call: () => Promise<T>) =>
      this.#send(operation, argument, 'outcome_unknown', call);
    const read = <T>(operation: string, argument: string, call: () => Promise<T>) =>
      this.#send(operation, argument, 'unavailable', call);
    this.leases = {
      ensure: (lease) => write('ensure', lease, () => leases.ensure(lease)),
      acquire: (lease, id, seconds) => write('acquire', lease, () => leases.acquire(lease, id, seconds)),
      renew: (lease, id) => write('renew', lease, () => leases.renew(lease, id)),
      break: (lease) => write('break', lease, () => leases.break(lease)),
      release: (lease, id) => write('release', lease, () => leases.release(lease, id)),
      isHeld: (lease) => read('isHeld', lease, () => leases.isHeld(lease)),
    };
    this.documents = {
      get: (path) => read('get', path, () => documents.get(path)),
      put: (path, body, condition) => write('put', path, () => documents.put(path, body, condition)),
      delete: (path, condition) => write('delete', path, () => documents.delete(path, condition)),
      list: (prefix, page) => read('list', prefix, () => documents.list(prefix, page)),
    };
  }

  cut(how: 'refuse' | 'lose' = 'lose'): void {
    this.fate = () => how;
  }

  heal(): void {
    this.fate = () => 'pass';
  }

  count(operation: string): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  async #send<T>(
    operation: string,
    argument: string,
    whenUnsure: 'outcome_unknown' | 'unavailable',
    call: () => Promise<T>,
  ): Promise<T> {
    this.calls.push({ operation, argument, at: this.#base.monotonic() });
    const fate = this.fate(operation, argument);
    if (typeof fate === 'object') {
      this.#base.setTimer(fate.arriveAfterMs, () => void call().catch(() => {}));
      return never();
    }
    await this.#pass();
    if (fate === 'refuse') throw new StorageError(whenUnsure, `${operation} was refused on the way`);
    if (fate === 'throttle') throw new StorageError('throttled', `${operation} was throttled`);
    if (fate === 'lose') return never();
    const answer = await settle(call());
    await this.#pass();
    if (fate === 'lose_answer') return never();
    return answer();
  }

  /** One way. Nothing reaches a process that is frozen or dead. */
  #pass(): Promise<void> {
    return new Promise((resolve) => {
      this.#base.setTimer(LATENCY_MS / 2, () => this.#node.whenRunning(resolve));
    });
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}

async function settle<T>(promise: Promise<T>): Promise<() => T> {
  try {
    const value = await promise;
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
