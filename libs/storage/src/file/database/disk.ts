import { type FileHandle, open } from 'node:fs/promises';
import { messageOf } from '@message-vault/runtime';

/** Puts on disk whatever is in the log when it is called. */
export interface Log {
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The write-ahead log beside the database. SQLite keeps it as long as anybody has the database open. */
export function logOf(database: string): Log {
  let file: Promise<FileHandle> | undefined;
  return {
    async sync() {
      file ??= open(`${database}-wal`, 'r+');
      await (await file).datasync();
    },
    close: async () => await (await file?.catch(() => undefined))?.close(),
  };
}

/**
 * How much of what a connection has seen is on disk. A transaction is committed, and the lock let go of, before it is: so
 * nothing that a transaction showed or did may be told to anybody until `reached` says so, whoever wrote it.
 *
 * States of the database are counted as this connection comes to see them. A later one holds all of those before it,
 * since the log is written in the order of commits.
 */
export class Disk {
  readonly #log: Log;
  #version: number | undefined;
  #seen = 0;
  #reached = 0;
  #syncing: Promise<void> | undefined;
  #failed: Error | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Why nothing more can be trusted to it, once something did not get there. */
  get failed(): Error | undefined {
    return this.#failed;
  }

  /** The state a transaction shows: `version` changes when another connection has committed, `wrote` is its own doing. */
  state(version: number, wrote: boolean): number {
    if (wrote || version !== this.#version) this.#seen++;
    this.#version = version;
    return this.#seen;
  }

  has(state: number): boolean {
    return state <= this.#reached;
  }

  /** Waits until the state is on disk. Errors: of the disk, from the first one on always. */
  async reached(state: number): Promise<void> {
    while (!this.has(state)) {
      if (this.#failed !== undefined) throw this.#failed;
      this.#syncing ??= this.#sync();
      await this.#syncing;
    }
  }

  close(): Promise<void> {
    return this.#log.close();
  }

  async #sync(): Promise<void> {
    const upTo = this.#seen;
    try {
      await this.#log.sync();
      this.#reached = upTo;
    } catch (cause) {
      // The system forgets what it could not write: the next attempt would succeed without it.
      const why = messageOf(cause);
      this.#failed = new Error(
        `the disk did not keep what was written (${why}): nothing more is taken until this program is started anew`,
        { cause },
      );
    } finally {
      this.#syncing = undefined;
    }
  }
}
