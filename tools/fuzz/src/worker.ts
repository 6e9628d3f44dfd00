import { parentPort, workerData } from 'node:worker_threads';
import { runFuzz } from './fuzz.ts';
import { isJob } from './job.ts';

if (!isJob(workerData)) throw new TypeError('the worker is started with a job');
const progress = new Int32Array(workerData.progress);
const report = await runFuzz({
  ...workerData,
  onIteration: (iteration) => Atomics.store(progress, 0, iteration),
});
parentPort?.postMessage(report);
