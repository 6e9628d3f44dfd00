import type { App } from './plan.ts';

export interface ClusterNode {
  readonly id: string;
  readonly app: App;
  readonly url: string;
  /** Of the process that runs now, or of the last one. */
  readonly pid: number;
  readonly alive: boolean;
}

export interface ClusterStorage {
  /** Blob endpoint, without credentials. */
  readonly url: string;
  readonly connection: string;
  /** Null for a storage that was there before us. */
  readonly pid: number | null;
}

/** A cluster on this machine. When `startCluster` hands it out, all its nodes are ready. */
export interface Cluster {
  /** Absolute. */
  readonly dir: string;
  readonly nodes: readonly ClusterNode[];
  readonly storage: ClusterStorage;
  /**
   * Sends a signal (SIGKILL when none is given) to a node, or to `storage`. Resolves when the process is gone; at once
   * for SIGSTOP and SIGCONT. It stays dead until `restart`, whatever the option of that name says.
   * Throws ClusterError `no_such_process`.
   */
  kill(id: string, signal?: NodeJS.Signals): Promise<void>;
  /**
   * Starts a node, or `storage`, again, ending it first if it runs, and waits until it is ready.
   * Throws ClusterError `no_such_process` or `not_ready`.
   */
  restart(id: string): Promise<void>;
  /** Ends the brokers, all at once, then the storage. Data and logs stay. Calling it again waits for the same end. */
  stop(): Promise<void>;
}
