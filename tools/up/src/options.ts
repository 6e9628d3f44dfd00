import { resolve } from 'node:path';
import { isStorageError, storageDirOf } from '@message-vault/storage';
import { ClusterError } from './errors.ts';
import type { NodePlan } from './plan.ts';

/** Where the nodes keep everything. `memory` is Azurite without a disk: gone when the cluster stops. A connection may be `file:DIR`. */
export type StorageChoice = 'azurite' | 'memory' | { connection: string };

export interface ClusterOptions {
  /** Folder of the data, the logs and cluster.json. Default `.vault` in the working directory. */
  dir?: string;
  /** First of the block of ports (see `planPorts`), or `free` for whichever are free, as tests want it. Default 7000. */
  portBase?: number | 'free';
  /** Hot standbys. Default 1 if this repository has the slave app, else 0. At most 9. */
  slaves?: number;
  /** Readers. Default 1, at most 20. */
  readers?: number;
  storage?: StorageChoice;
  /** Wake-ups through this Redis; without it nodes poll. */
  redisUrl?: string;
  /** Start a process again when it dies by itself. Default: it stays dead. */
  restart?: boolean;
  /** How long a process may take until it is ready. Default 60,000. */
  readyWithinMs?: number;
  /** How long a process may take to end after SIGTERM before it is killed. Default 15,000. */
  stopWithinMs?: number;
  /** Aborting it while the cluster starts stops what was started; `startCluster` then throws `not_ready`. */
  signal?: AbortSignal;
  /** Called with every line meant for a person: progress, warnings of the processes, deaths. Default: nobody is told. */
  say?: (line: string) => void;
  /** Last word on each node before it is started: put a proxy in front of its storage or its peers, add flags. */
  configureNode?: (node: NodePlan) => NodePlan | Promise<NodePlan>;
}

/** The `--storage` argument. Throws ClusterError `bad_option`. */
export function parseStorageChoice(text: string): StorageChoice {
  if (text === 'azurite' || text === 'memory') return text;
  const dir = folderIn(text);
  // The nodes may be told from another folder: what this one is relative to is settled here.
  if (dir !== undefined) return { connection: `file:${resolve(dir)}` };
  const isConnection =
    /^https?:\/\//.test(text) || /(^|;)\s*(AccountName|BlobEndpoint|UseDevelopmentStorage)=/i.test(text);
  if (isConnection) return { connection: text };
  throw new ClusterError(
    'bad_option',
    '--storage takes azurite, memory, file:DIR, an Azure Storage connection string (AccountName=…;AccountKey=…) or an account URL (https://…)',
  );
}

function folderIn(text: string): string | undefined {
  try {
    return storageDirOf(text);
  } catch (error) {
    if (!isStorageError(error)) throw error;
    throw new ClusterError('bad_option', `--storage ${text}: ${error.message}`, { cause: error });
  }
}
