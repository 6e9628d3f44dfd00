import { isLogError, type Leadership } from '@message-vault/log';
import { DocumentError, type TrashDocument } from '@message-vault/metadata';
import type { Runtime } from '@message-vault/runtime';
import { isStorageError } from '@message-vault/storage';
import type { Logger } from '@message-vault/telemetry';
import { type Catalog, isOver } from '../catalog.ts';
import { inRounds } from '../rounds.ts';
import { contentsIdOf } from './identity.ts';
import type { NameAuthority } from './name-authority.ts';
import type { StoredName } from './name-store.ts';
import type { StoredTrash } from './trash.ts';

export interface NameRoundsOptions {
  readonly catalog: Catalog;
  readonly names: NameAuthority;
  readonly leadership: Leadership;
  readonly runtime: Runtime;
  readonly logger: Logger;
}

const EVERY_MS = 60_000;
const FIRST_AFTER_MS = 5000;
const PAGE_NAMES = 1000;
/**
 * A write can arrive no later than this after its leader could still send it: Azure refuses requests signed more than 15
 * minutes ago ("Authorize with Shared Key"). What stands in the way of such a write, and what such a write would need,
 * is kept until then.
 */
const LATE_WRITE_MS = 3_600_000;

/** While this node leads: takes roles whose time is over, and empties what leaders that died have left in the trash. */
export class NameRounds {
  readonly #options: NameRoundsOptions;
  /** Notes that could not be read in the last round, and were told of. */
  #damaged: ReadonlySet<string> = new Set();
  readonly #stopped = new AbortController();

  constructor(options: NameRoundsOptions) {
    const { runtime, logger } = options;
    this.#options = options;
    void inRounds({
      runtime,
      everyMs: EVERY_MS,
      firstAfterMs: FIRST_AFTER_MS,
      stopped: this.#stopped.signal,
      round: () => this.round(),
      failed: (error) => {
        if (!isStorageError(error) && !isLogError(error) && !(error instanceof DocumentError)) throw error;
        logger.warn({ error }, 'names could not be tidied up; the next round goes on');
      },
    });
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Errors: StorageError, LogError; DocumentError for the name of a role whose time is over. */
  async round(): Promise<void> {
    await this.#expire();
    const damaged = new Set<string>();
    for await (const path of this.#options.names.trash.paths()) {
      if (this.#stopped.signal.aborted) return;
      if (!(await this.#sweepIfReadable(path))) damaged.add(path);
    }
    this.#damaged = damaged;
  }

  /** False for a note that can't be read, or the name it is about: it must not keep the others from being seen to. */
  async #sweepIfReadable(path: string): Promise<boolean> {
    const { names, logger } = this.#options;
    try {
      const found = await names.trash.read(path);
      if (found !== undefined) await this.#sweep(found);
      return true;
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      if (!this.#damaged.has(path))
        logger.warn({ error, path }, 'a note in the trash can not be made sense of: it is left as it is');
      return false;
    }
  }

  async #expire(): Promise<void> {
    const { catalog, names, runtime, logger } = this.#options;
    let cursor: string | undefined;
    do {
      const page = await catalog.store.list('', { limit: PAGE_NAMES, cursor });
      for (const { name, summary } of page.names) {
        if (this.#stopped.signal.aborted) return;
        if (!isOver(summary, runtime.now())) continue;
        await names.expire(name);
        logger.info({ name }, 'the time of a role was over');
      }
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  async #sweep(found: StoredTrash): Promise<void> {
    const trash = found.document;
    const { catalog, names, leadership, logger } = this.#options;
    const stored = await catalog.store.read(trash.name);
    const now = this.#options.runtime.now();
    const next = fateOf(trash, stored, now);
    if (next === 'wait' || !leadership.isLeading()) return;
    if (next === 'forget') return await names.trash.removeVersion(found);
    if (next === 'empty' && trash.emptied) return;
    await names.trash.empty(trash);
    if (!trash.emptied)
      logger.info({ name: trash.name, id: trash.id }, 'contents of a role that is gone were removed');
    if (next === 'empty') return await names.trash.emptied(found);
    if (isOldRemoval(stored, now)) await catalog.store.erase(trash.name, stored.etag);
    await names.trash.removeVersion(found);
  }
}

type Fate = 'wait' | 'forget' | 'empty' | 'empty_and_erase';

/**
 * What becomes of a note in the trash.
 *
 * | the name               | note         | younger than a late write | older           |
 * | ---------------------- | ------------ | ------------------------- | --------------- |
 * | has these contents     | either       | wait                      | forget          |
 * | does not have them     | making       | wait                      | empty and erase |
 * | lost its role          | removing     | empty                     | empty and erase |
 * | has other contents     | removing     | empty                     | empty and erase |
 *
 * A name whose role holds nothing has no contents to recognise: as long as it has a role, it counts as having these.
 */
export function fateOf(trash: TrashDocument, stored: StoredName | undefined, now: number): Fate {
  const old = now - trash.at > LATE_WRITE_MS;
  if (isInUse(trash, stored)) return old ? 'forget' : 'wait';
  if (old) return 'empty_and_erase';
  return trash.state === 'making' ? 'wait' : 'empty';
}

/** A removal after this one may stand there: it goes with its own note. */
function isOldRemoval(stored: StoredName | undefined, now: number): stored is StoredName {
  return stored?.record.role === 'none' && now - stored.record.removedAt > LATE_WRITE_MS;
}

function isInUse({ identity }: TrashDocument, stored: StoredName | undefined): boolean {
  if (stored === undefined || stored.record.role === 'none') return false;
  return identity === undefined || contentsIdOf(stored.record) === identity;
}
