import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError } from './errors.ts';
import { identify, type ProcessIdentity, stillRuns } from './process-identity.ts';

/** `.vault/cluster.json`: what runs, for other programs. Gone after an orderly stop. */
export interface ClusterFile {
  nodes: readonly { id: string; app: string; url: string; pid: number }[];
  /** `pid` is null for a storage that was there before us. */
  storage: { url: string; pid: number | null };
}

/** `.vault/up.lock`: who runs the cluster of this folder, and what it started. */
interface Lock {
  owner: ProcessIdentity;
  started: ProcessIdentity[];
}

const FOUND_WITHIN_MS = 15_000;

/** The folder of one cluster, held by one process at a time. */
export class VaultDirectory {
  readonly path: string;
  /** Whether processes of a crashed run were ended to take it. */
  readonly endedLeftovers: boolean;
  readonly #lock: Lock;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, lock: Lock, endedLeftovers: boolean) {
    this.path = path;
    this.endedLeftovers = endedLeftovers;
    this.#lock = lock;
  }

  /**
   * Takes the folder, making it when it is not there. What a crashed run left behind is cleared away: its processes
   * that still run are ended, as nobody else would end them. Throws ClusterError `already_running`, `bad_directory`.
   */
  static async take(path: string, say: (line: string) => void): Promise<VaultDirectory> {
    const lock: Lock = { owner: await identify(process.pid), started: [] };
    let ended = 0;
    try {
      await mkdir(join(path, 'logs'), { recursive: true });
      // Twice: the first may find what a crashed run left.
      if (!(await createExclusively(lockPath(path), lock))) {
        ended = await clearCrashedRun(path, say);
        if (!(await createExclusively(lockPath(path), lock))) throw alreadyRunning(path, undefined);
      }
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
      throw new ClusterError('bad_directory', `The folder ${path} can't be used: ${error.message}`, {
        cause: error,
      });
    }
    return new VaultDirectory(path, lock, ended > 0);
  }

  /** Writes down a process that was started, so that it is found again should we crash. */
  async remember(pid: number): Promise<void> {
    this.#lock.started.push(await identify(pid));
    await this.#inTurn(() => replace(lockPath(this.path), this.#lock));
  }

  async writeClusterFile(content: ClusterFile): Promise<void> {
    await this.#inTurn(() => replace(clusterPath(this.path), content));
  }

  /** Gives the folder back. The data and the logs stay. */
  async release(): Promise<void> {
    await this.#inTurn(async () => {
      await rm(clusterPath(this.path), { force: true });
      await rm(lockPath(this.path), { force: true });
    });
  }

  #inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.#writing.then(task);
    this.#writing = done.catch(() => {});
    return done;
  }
}

const lockPath = (path: string): string => join(path, 'up.lock');
const clusterPath = (path: string): string => join(path, 'cluster.json');

function alreadyRunning(path: string, pid: number | undefined): ClusterError {
  const who = pid === undefined ? '' : ` (process ${pid})`;
  return new ClusterError(
    'already_running',
    `A cluster already runs in ${path}${who}. Stop that one first, or take another folder and other ports:\n` +
      '  npm start -- --dir .vault-2 --port-base 8000',
  );
}

async function createExclusively(path: string, content: Lock): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(JSON.stringify(content));
    await file.close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** How many processes it ended. */
async function clearCrashedRun(path: string, say: (line: string) => void): Promise<number> {
  const lock = await readLock(lockPath(path));
  if (lock && (await stillRuns(lock.owner))) throw alreadyRunning(path, lock.owner.pid);
  const left = lock ? await filterRunning(lock.started) : [];
  if (left.length > 0) {
    say(`A run that crashed left ${left.length} processes behind; ending them.`);
    await endAll(left);
  }
  await rm(clusterPath(path), { force: true });
  await rm(lockPath(path), { force: true });
  return left.length;
}

/** Undefined for a lock cut off by a crash while it was written. */
async function readLock(path: string): Promise<Lock | undefined> {
  try {
    const lock: Partial<Lock> = JSON.parse(await readFile(path, 'utf8'));
    return lock.owner && lock.started ? { owner: lock.owner, started: lock.started } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function filterRunning(identities: readonly ProcessIdentity[]): Promise<ProcessIdentity[]> {
  const running = await Promise.all(identities.map(stillRuns));
  return identities.filter((_, index) => running[index]);
}

/** Newest first, so that storage, which was started first, is there while the brokers end. */
async function endAll(left: readonly ProcessIdentity[]): Promise<void> {
  for (const identity of left.toReversed()) {
    send(identity, 'SIGTERM');
    send(identity, 'SIGCONT');
    const deadline = performance.now() + FOUND_WITHIN_MS;
    while (await stillRuns(identity)) {
      if (performance.now() > deadline) send(identity, 'SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function send({ pid }: ProcessIdentity, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in between, which is what is wanted.
  }
}

/** Readers of the file see the old content or the new, never half of one. */
async function replace(path: string, content: unknown): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`);
  await rename(temporary, path);
}
