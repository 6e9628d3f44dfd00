import { Worker } from 'node:worker_threads';
import type { FuzzReport } from './fuzz.ts';
import type { Job } from './job.ts';

/** The iteration at which a decoder did not come back. */
export class Hang extends Error {
  override readonly name = 'Hang';
  readonly iteration: number;

  constructor(iteration: number, afterMs: number) {
    super(`iteration ${iteration} did not end within ${afterMs} ms`);
    this.iteration = iteration;
  }
}

export interface WatchOptions {
  readonly seed: number;
  readonly from: number;
  readonly iterations: number;
  /** How long one iteration may take before it counts as hanging. */
  readonly hangAfterMs: number;
  /** Called about once a second with the iteration it is at. */
  onProgress(iteration: number): void;
}

const LOOK_EVERY_MS = 1000;

/**
 * Runs the fuzz in a thread of its own, because a decoder that hangs can't be interrupted from within. Rejects with
 * Hang when an iteration takes too long.
 */
export function watchFuzz(options: WatchOptions): Promise<FuzzReport> {
  const progress = new SharedArrayBuffer(4);
  const job: Job = { seed: options.seed, from: options.from, iterations: options.iterations, progress };
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: job });
  const { promise, resolve, reject } = Promise.withResolvers<FuzzReport>();
  const dog = setInterval(look(new Int32Array(progress), options, reject), LOOK_EVERY_MS);
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', (code) => reject(new Error(`the worker ended with ${code} before it was done`)));
  return promise.finally(async () => {
    clearInterval(dog);
    await worker.terminate();
  });
}

function look(progress: Int32Array, options: WatchOptions, reject: (hang: Hang) => void): () => void {
  let seen = -1;
  let since = performance.now();
  return () => {
    const iteration = Atomics.load(progress, 0);
    options.onProgress(iteration);
    if (iteration !== seen) {
      seen = iteration;
      since = performance.now();
    } else if (performance.now() - since > options.hangAfterMs) {
      reject(new Hang(iteration, options.hangAfterMs));
    }
  };
}
