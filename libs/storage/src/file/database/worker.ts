import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '@message-vault/runtime';
import { isStorageError } from '../../errors.ts';
import { Disk, logOf } from './disk.ts';
import type { Failure } from './failures.ts';
import { openDatabase } from './schema.ts';
import { type Answer, type Request, Turns } from './turns.ts';

/** What the thread is started with. */
export interface WorkerData {
  readonly path: string;
  /** Where the program keeps its modules compiled, for `start.js`. */
  readonly compileCache: string | undefined;
}

/** The first thing it says: whether the file could be opened. */
export type Opened = { readonly opened: true } | { readonly opened: false; readonly failure: Failure };

invariant(parentPort !== null, 'this file is the program of a worker thread');
const port = parentPort;

function start({ path }: WorkerData): void {
  const turns = new Turns(openDatabase(path), new Disk(logOf(path)), post);
  port.on('message', (message: Request | 'close') => {
    if (message === 'close') void turns.finish().then(() => port.close());
    else turns.take(message);
  });
  say({ opened: true });
}

function say(message: Opened): void {
  port.postMessage(message);
}

/** Bytes that were read go over as they are, without another copy. */
function post(answer: Answer): void {
  port.postMessage(answer, [...memoryOf(answer.value)]);
}

function* memoryOf(value: unknown): Generator<ArrayBuffer> {
  if (typeof value !== 'object' || value === null) return;
  // Bytes are never looked through for parts: each of them would be one.
  const parts: readonly unknown[] = value instanceof Uint8Array ? [value] : Object.values(value);
  for (const part of parts) {
    if (part instanceof Uint8Array && part.buffer instanceof ArrayBuffer && part.byteLength > 0)
      yield part.buffer;
  }
}

try {
  start(workerData);
} catch (error) {
  if (!isStorageError(error)) throw error;
  say({ opened: false, failure: { code: error.code, message: error.message } });
}
