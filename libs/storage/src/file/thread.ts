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

/** A call that the thread has and has not answered, whether its caller still waits for it or not. */
interface Pending {
  readonly lostAs: LostAs;
  readonly byteLength: number;
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
    worker.on('message', (answer: Answer) => this.#take(answer));
    // It ends by itself for a bug only, or without memory. Nobody listens for that error, so that it ends the program like
    // one of this thread; where somebody keeps the program going, nothing may wait for what will not come.
    worker.once('exit', () => this.#ended());
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
    return await this.#answerOf(call, byteLength);
  }

  /** What is under way is finished first. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #answerOf<Name extends keyof Operations>(
    { operation, args, lostAs, bytes, options }: Call<Name>,
    byteLength: number,
  ): Promise<ReturnType<Operations[Name]>> {
    return new Promise((resolve, reject) => {
      const id = ++this.#calls;
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
      const fail = (error: StorageError): void => end(() => reject(error));
      this.#pending.set(id, { lostAs, byteLength, settle, fail });
      this.#pendingBytes += byteLength;
      // What can't begin in half of the time is refused while there is still somebody to hear it.
      const beginBy = hostClock.monotonic() + this.#timeoutMs / 2;
      const request = { id, operation, args, byteLength, lostAs, beginBy };
      this.#worker.postMessage(request, bytes === undefined ? [] : [bytes.buffer]);
    });
  }

  /** Only now is the call's memory with the thread free: a caller who gave up before has not made room for another. */
  #take({ id, value, failure }: Answer): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    this.#pendingBytes -= pending.byteLength;
    if (failure === undefined) pending.settle(value);
    else pending.fail(new StorageError(failure.code, failure.message, failure));
  }

  #ended(): void {
    this.#closing ??= Promise.resolve();
    for (const { lostAs, fail } of this.#pending.values())
      fail(new StorageError(lostAs, 'the thread that keeps the database has ended'));
    this.#pending.clear();
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
