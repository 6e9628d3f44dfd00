import { once } from 'node:events';
import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import { StorageError } from '../errors.ts';
import type { CallOptions } from '../ports.ts';
import { hostClock } from './clock.ts';
import type { LostAs } from './database/failures.ts';
import type { Operations } from './database/operations.ts';
import type { Answer } from './database/turns.ts';
import type { Opened, WorkerData } from './database/worker.ts';

/** What may be waiting for the thread at once; further calls are refused, as `throttled`. */
const MAX_PENDING = 4096;
const MAX_PENDING_BYTES = 256 * 1024 * 1024;

export interface Call<Name extends keyof Operations> {
  readonly operation: Name;
  readonly args: Parameters<Operations[Name]>;
  readonly lostAs: LostAs;
  /** A copy of the caller's, which goes over to the thread. */
  readonly bytes?: Uint8Array<ArrayBuffer> | undefined;
  readonly options: CallOptions | undefined;
}

interface Pending {
  settle(value: unknown): void;
  fail(error: StorageError): void;
}

/** The thread that has the database open. SQLite blocks whoever calls it, and a node must go on answering meanwhile. */
export class DatabaseThread {
  readonly #worker: Worker;
  readonly #timeoutMs: number;
  readonly #pending = new Map<number, Pending>();
  #pendingBytes = 0;
  #calls = 0;
  #closing: Promise<void> | undefined;

  private constructor(worker: Worker, timeoutMs: number) {
    this.#worker = worker;
    this.#timeoutMs = timeoutMs;
    worker.on('message', ({ id, value, failure }: Answer) => {
      const pending = this.#pending.get(id);
      if (failure === undefined) pending?.settle(value);
      else pending?.fail(new StorageError(failure.code, failure.message, failure));
    });
  }

  /** Errors: `invalid_request`, in words, for a file that can't be used. */
  static async open(path: string, timeoutMs: number): Promise<DatabaseThread> {
    const workerData: WorkerData = { path, compileCache: getCompileCacheDir() };
    const worker = new Worker(new URL('./database/start.js', import.meta.url), { workerData });
    const [first]: Opened[] = await once(worker, 'message');
    if (first?.opened) return new DatabaseThread(worker, timeoutMs);
    await worker.terminate();
    const { code, message } = first?.failure ?? { code: 'unavailable', message: 'the thread said nothing' };
    throw new StorageError(code, message);
  }

  /** Has the thread run one operation. Errors: those it refuses with; `throttled`; that of `lostAs`. */
  async call<Name extends keyof Operations>(call: Call<Name>): Promise<ReturnType<Operations[Name]>> {
    const { lostAs, options } = call;
    if (options?.signal?.aborted) throw aborted(lostAs, options.signal);
    if (this.#closing !== undefined) throw new StorageError('unavailable', 'the storage is closed');
    const byteLength = call.bytes?.length ?? 0;
    if (this.#pending.size >= MAX_PENDING || this.#pendingBytes + byteLength > MAX_PENDING_BYTES)
      throw new StorageError('throttled', 'too many calls are waiting for the disk', { retryAfterMs: 100 });
    this.#pendingBytes += byteLength;
    const id = ++this.#calls;
    try {
      return await this.#answerOf(id, call);
    } finally {
      this.#pending.delete(id);
      this.#pendingBytes -= byteLength;
    }
  }

  /** What is under way is finished first. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #answerOf<Name extends keyof Operations>(
    id: number,
    { operation, args, lostAs, bytes, options }: Call<Name>,
  ): Promise<ReturnType<Operations[Name]>> {
    return new Promise((resolve, reject) => {
      const signal = options?.signal;
      const late = (): void =>
        end(() => reject(new StorageError(lostAs, `the disk gave no answer within ${this.#timeoutMs} ms`)));
      const timer = setTimeout(late, this.#timeoutMs);
      const onAbort = (): void => end(() => reject(aborted(lostAs, signal)));
      signal?.addEventListener('abort', onAbort, { once: true });
      function end(how: () => void): void {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        how();
      }
      const settle = (value: ReturnType<Operations[Name]>): void => end(() => resolve(value));
      this.#pending.set(id, { settle, fail: (error) => end(() => reject(error)) });
      // What can't begin in half of the time is refused while there is still somebody to hear it.
      const beginBy = hostClock.monotonic() + this.#timeoutMs / 2;
      const request = { id, operation, args, byteLength: bytes?.length ?? 0, lostAs, beginBy };
      this.#worker.postMessage(request, bytes === undefined ? [] : [bytes.buffer]);
    });
  }

  async #close(): Promise<void> {
    const ended = once(this.#worker, 'exit');
    this.#worker.postMessage('close');
    await ended;
  }
}

function aborted(lostAs: LostAs, signal: AbortSignal | undefined): StorageError {
  return new StorageError(lostAs, 'the call was aborted', { cause: signal?.reason });
}
