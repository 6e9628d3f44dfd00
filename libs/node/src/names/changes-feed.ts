import type { Leadership } from '@message-vault/log';
import { LogError } from '@message-vault/log';
import {
  encodeNameChanges,
  MAX_NAME_CHANGES,
  NAME_CHANGES_PATH,
  type NameChanges,
  parseNameChanges,
} from '@message-vault/metadata';
import { type DocumentStore, type ETag, isStorageError } from '@message-vault/storage';

const NOTHING: NameChanges = { version: 1, epoch: 0, sequence: 0, recent: [] };
/** Tries to write; between them somebody else has written, or nobody knows. */
const MAX_TRIES = 5;

interface Version {
  readonly changes: NameChanges;
  /** Undefined when there is no document yet. */
  readonly etag: ETag | undefined;
}

export async function readChanges(documents: DocumentStore): Promise<NameChanges> {
  return (await readVersion(documents)).changes;
}

async function readVersion(documents: DocumentStore): Promise<Version> {
  const stored = await documents.get(NAME_CHANGES_PATH);
  if (stored === undefined) return { changes: NOTHING, etag: undefined };
  return { changes: parseNameChanges(stored.body), etag: stored.etag };
}

interface Waiting {
  readonly name: string;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Where a leader announces each change of a name before it makes it. Every write carries its epoch and the version before
 * it, so once a newer leader has written here, an older one can't even announce. One write is in flight at a time and
 * takes all that wait with it.
 */
export class ChangesFeed {
  readonly #documents: DocumentStore;
  readonly #leadership: Leadership;
  readonly #written: (changes: NameChanges) => void;
  #version: Version | undefined;
  #waiting: Waiting[] = [];
  #busy = false;
  #claimed: Promise<void> | undefined;

  /** `written` is called with what is in force after each write. */
  constructor(documents: DocumentStore, leadership: Leadership, written: (changes: NameChanges) => void) {
    this.#documents = documents;
    this.#leadership = leadership;
    this.#written = written;
  }

  /** Writes this leader's epoch down. Errors: LogError `not_leader`, StorageError. */
  claim(): Promise<void> {
    this.#claimed ??= this.#write([]).catch((error: unknown) => {
      this.#claimed = undefined;
      throw error;
    });
    return this.#claimed;
  }

  /** Resolves when every node can know that `name` is about to change. Errors as `claim`. */
  async announce(name: string): Promise<void> {
    await this.claim();
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ name, resolve, reject });
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const some = this.#waiting.splice(0, MAX_NAME_CHANGES);
      try {
        await this.#write(some.map(({ name }) => name));
        for (const each of some) each.resolve();
      } catch (error) {
        for (const each of some) each.reject(error);
      }
    }
    this.#busy = false;
  }

  async #write(names: readonly string[]): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      this.#version ??= await readVersion(this.#documents);
      const { changes, etag } = this.#version;
      this.#mustBeOurs(changes);
      const next: NameChanges = {
        version: 1,
        epoch: this.#leadership.epoch,
        sequence: changes.sequence + names.length,
        recent: [...changes.recent, ...names].slice(-MAX_NAME_CHANGES),
      };
      try {
        const condition = etag === undefined ? { ifAbsent: true as const } : { ifMatch: etag };
        const written = await this.#documents.put(NAME_CHANGES_PATH, encodeNameChanges(next), condition);
        this.#version = { changes: next, etag: written.etag };
        this.#written(next);
        return;
      } catch (error) {
        this.#version = undefined;
        // Announced twice does no harm, so a write nobody knows the outcome of is made again.
        const again = isStorageError(
          error,
          'etag_mismatch',
          'already_exists',
          'not_found',
          'outcome_unknown',
        );
        if (!again || tries === MAX_TRIES) throw error;
      }
    }
  }

  #mustBeOurs({ epoch }: NameChanges): void {
    if (epoch > this.#leadership.epoch) {
      this.#leadership.lost(`a leader of epoch ${epoch} has changed names`, epoch);
      throw new LogError('not_leader', `names are changed by a leader of epoch ${epoch} now`);
    }
    if (!this.#leadership.isLeading()) throw new LogError('not_leader', 'this node does not lead any more');
  }
}
