import type { Runtime } from '@message-vault/runtime';
import { isStorageError, type Storage } from '@message-vault/storage';

/** What this process sees of its storage. Times are of the monotonic clock, milliseconds. */
export interface StorageObserver {
  /** When a call last ended with an answer, be it a refusal; -Infinity for never. */
  readonly lastAnswerAt: number;
  /** When a call last ended without a trustworthy answer; -Infinity for never. */
  readonly lastSilenceAt: number;
  /** When the longest-running call in flight was sent; undefined when none is. */
  readonly oldestPendingAt: number | undefined;
}

export interface ObservedCall {
  readonly operation: string;
  readonly durationMs: number;
  /** `ok`, or the code of the error. */
  readonly outcome: string;
}

interface Pending {
  readonly sentAt: number;
}

type Call = (...args: never[]) => unknown;

/**
 * The same storage with every call noted: a refusal is an answer too, only a call without a trustworthy one is silence.
 *
 * Queues are another service, with failures of its own: their calls are counted, but what they say of themselves says
 * nothing of whether a leader can do its work, which is what the observer is asked.
 */
export function observeStorage(
  storage: Storage,
  runtime: Runtime,
  ended: (call: ObservedCall) => void,
): { storage: Storage; observer: StorageObserver } {
  const watch = new Watch(runtime, ended);
  return {
    observer: watch,
    storage: {
      pages: watch.over(storage.pages),
      leases: watch.over(storage.leases),
      documents: watch.over(storage.documents),
      queues: new Watch(runtime, ended).over(storage.queues, 'queues.'),
      bodies: watch.over(storage.bodies, 'bodies.'),
      grants: storage.grants,
      close: () => storage.close(),
    },
  };
}

/** One call that failed says little: nothing may have been answered for a while, and something must have been asked. */
export function isSilent(
  { lastAnswerAt, lastSilenceAt, oldestPendingAt }: StorageObserver,
  now: number,
  doubtMs: number,
): boolean {
  const hanging = oldestPendingAt !== undefined && now - oldestPendingAt > doubtMs;
  return (lastSilenceAt > lastAnswerAt || hanging) && now - lastAnswerAt > doubtMs;
}

class Watch implements StorageObserver {
  lastAnswerAt = Number.NEGATIVE_INFINITY;
  lastSilenceAt = Number.NEGATIVE_INFINITY;
  readonly #pending = new Set<Pending>();
  readonly #runtime: Runtime;
  readonly #ended: (call: ObservedCall) => void;

  constructor(runtime: Runtime, ended: (call: ObservedCall) => void) {
    this.#runtime = runtime;
    this.#ended = ended;
  }

  get oldestPendingAt(): number | undefined {
    return this.#pending.values().next().value?.sentAt;
  }

  /** `prefix` tells apart operations that several ports have a name for. */
  over<Port extends object>(port: Port, prefix = ''): Port {
    return new Proxy(port, {
      get: (target, key) => {
        const member: unknown = Reflect.get(target, key, target);
        return typeof member === 'function'
          ? this.#call(`${prefix}${String(key)}`, member.bind(target))
          : member;
      },
    });
  }

  #call(operation: string, call: Call): Call {
    return async (...args) => {
      const pending = { sentAt: this.#runtime.monotonic() };
      this.#pending.add(pending);
      try {
        const answer = await call(...args);
        this.#note(operation, pending, undefined);
        return answer;
      } catch (error) {
        this.#note(operation, pending, error);
        throw error;
      }
    };
  }

  #note(operation: string, pending: Pending, error: unknown): void {
    this.#pending.delete(pending);
    const now = this.#runtime.monotonic();
    if (isStorageError(error, 'unavailable', 'outcome_unknown')) this.lastSilenceAt = now;
    else this.lastAnswerAt = now;
    const outcome = error === undefined ? 'ok' : isStorageError(error) ? error.code : 'failed';
    this.#ended({ operation, durationMs: now - pending.sentAt, outcome });
  }
}
