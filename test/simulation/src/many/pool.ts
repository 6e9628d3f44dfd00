import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Profile } from '../run/profiles.ts';
import type { Assignment, SeedReport } from './messages.ts';

export interface RunSeedsOptions {
  readonly from: number;
  readonly count: number;
  readonly plant?: string | undefined;
  readonly profile?: Profile | undefined;
  /** Processes; default one per core. */
  readonly workers?: number | undefined;
  /** Told of every seed, in no order. True ends the run. */
  readonly onSeed: (report: SeedReport) => boolean;
}

/** Small enough that no worker sits idle for long at the end. */
const CHUNK = 16;
const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));

/** Runs a range of seeds on all cores. Rejects when a worker ends by itself, naming the seeds it had. */
export async function runSeeds(options: RunSeedsOptions): Promise<void> {
  const end = options.from + options.count;
  let next = options.from;
  let enough = false;
  const take = (): Assignment | undefined => {
    if (enough || next >= end) return undefined;
    const { plant, profile } = options;
    const assignment = { from: next, count: Math.min(CHUNK, end - next), plant, profile };
    next += CHUNK;
    return assignment;
  };
  const onSeed = (report: SeedReport): boolean => {
    if (!enough) enough = options.onSeed(report);
    return enough;
  };
  const workers = Math.min(options.workers ?? availableParallelism(), Math.ceil(options.count / CHUNK));
  await Promise.all(Array.from({ length: workers }, () => work(take, onSeed)));
}

/** A worker killed from outside (somebody's signal, a machine out of memory) is replaced so often before that counts. */
const MAX_REPLACED = 3;

/** One process, fed until there is nothing left to do. */
async function work(
  take: () => Assignment | undefined,
  onSeed: (report: SeedReport) => boolean,
): Promise<void> {
  let again: Assignment | undefined;
  for (let replaced = 0; ; replaced += 1) {
    const takeAgain = (): Assignment | undefined => {
      const assignment = again ?? take();
      again = undefined;
      return assignment;
    };
    const end = await runWorker(takeAgain, onSeed);
    if (end === 'done') return;
    const what = `a worker was ended by ${end.signal} while at seeds ${JSON.stringify(end.at)}`;
    if (replaced === MAX_REPLACED) throw new Error(what);
    process.stderr.write(`${what}; another one goes on there\n`);
    again = end.at;
  }
}

type WorkerEnd = 'done' | { readonly signal: NodeJS.Signals; readonly at: Assignment | undefined };

async function runWorker(
  take: () => Assignment | undefined,
  onSeed: (report: SeedReport) => boolean,
): Promise<WorkerEnd> {
  const worker = fork(WORKER, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  try {
    return await feed(worker, take, onSeed);
  } finally {
    worker.kill('SIGKILL');
  }
}

function feed(
  worker: ChildProcess,
  take: () => Assignment | undefined,
  onSeed: (report: SeedReport) => boolean,
): Promise<WorkerEnd> {
  return new Promise((resolve, reject) => {
    let current: Assignment | undefined;
    const goOn = (): void => {
      current = take();
      if (current === undefined) resolve('done');
      else worker.send(current);
    };
    worker.once('error', reject);
    worker.once('exit', (code, signal) => {
      if (signal !== null) resolve({ signal, at: current });
      else reject(new Error(`a worker ended with ${code} while at seeds ${JSON.stringify(current)}`));
    });
    worker.on('message', (message: SeedReport | 'done') => {
      if (message === 'done') {
        goOn();
        return;
      }
      if (current !== undefined) current = { ...current, from: current.from + 1, count: current.count - 1 };
      if (onSeed(message)) resolve('done');
    });
    goOn();
  });
}
