import { HttpProblem } from '@message-vault/http';
import { type Leadership, LogError } from '@message-vault/log';
import {
  deadLetterName,
  deadLetterOwner,
  epochOf,
  type NameDocument,
  PolicyError,
  type RemovedName,
  type RolePolicy,
  type StreamPolicy,
} from '@message-vault/metadata';
import { type Runtime, randomUuid } from '@message-vault/runtime';
import { type DocumentCondition, isStorageError, type Storage } from '@message-vault/storage';
import { type Catalog, documentIn, hasDeadLetters, isOver } from '../catalog.ts';
import type { ChangesFeed } from './changes-feed.ts';
import { contentsIdOf, contentsOf, identityOf } from './identity.ts';
import { NameLocks } from './name-locks.ts';
import type { StoredName } from './name-store.ts';
import { createContents, newDocument } from './new-documents.ts';
import { changed } from './policy-change.ts';
import { Trash } from './trash.ts';

export interface NameAuthorityOptions {
  readonly storage: Storage;
  readonly runtime: Runtime;
  readonly leadership: Leadership;
  readonly catalog: Catalog;
  readonly feed: ChangesFeed;
  /** Tells other nodes to look at once. */
  readonly announced: () => void;
}

/** Tries to write a document; between them somebody else has written it. */
const MAX_TRIES = 5;

/**
 * Gives names their roles, changes and takes them, for one term of leadership. Three things keep an older leader from
 * changing what this one has: it can't announce (the feed carries this epoch), it refuses a document that does, and each
 * write replaces exactly the version it was made from, of which a removal leaves one too.
 */
export class NameAuthority {
  readonly trash: Trash;
  readonly #options: NameAuthorityOptions;
  readonly #locks = new NameLocks();

  constructor(options: NameAuthorityOptions) {
    this.#options = options;
    this.trash = new Trash(options.storage);
  }

  /** Gives `name` a role. Errors: HttpProblem `name_taken`, LogError, StorageError. */
  assign(name: string, rolePolicy: RolePolicy): Promise<NameDocument> {
    return this.#locks.with(name, async () => {
      this.#mustHaveTime(rolePolicy);
      const before = await this.#free(name, rolePolicy.role);
      const document = newDocument(this.#options.runtime, name, rolePolicy, this.#options.leadership.epoch);
      await this.#keepInMind(document, 'making');
      await Promise.all([createContents(this.#options.storage, document), this.#announce(name)]);
      await this.#establish(document, before);
      await this.#forgetTrash(contentsIdOf(document));
      return document;
    });
  }

  /**
   * The stream at `name`, or whatever else the name is; made if it has no role yet. As short a way as possible, since a
   * publish waits for it: nothing is written down before, so a leader that dies in the middle leaves an empty container.
   */
  ensureStream(name: string, policy: StreamPolicy): Promise<NameDocument> {
    return this.#locks.with(name, async () => {
      const known = await this.#options.catalog.lookup(name);
      if (known !== undefined) return known;
      const before = await this.#vacant(name);
      const there = documentIn(before);
      if (there !== undefined) {
        // What an earlier leader had sent has arrived since the name was looked up.
        this.#done(name, there);
        return there;
      }
      const rolePolicy = { role: 'stream' as const, policy };
      const document = newDocument(this.#options.runtime, name, rolePolicy, this.#options.leadership.epoch);
      await createContents(this.#options.storage, document);
      return await this.#establishOrJoin(document, before);
    });
  }

  /**
   * Gives `name` the policy that `edit` makes of what it has. `edit` may throw, and may be asked again. Errors: those of
   * `edit`, HttpProblem `no_such_name` and `not_changeable`, LogError, StorageError.
   */
  change(name: string, edit: (document: NameDocument) => RolePolicy): Promise<NameDocument> {
    return this.#locks.with(name, async () => {
      for (let tries = 1; ; tries += 1) {
        const { document, stored } = await this.#live(name);
        const rolePolicy = edit(document);
        this.#mustHaveTime(rolePolicy);
        const next = changed(document, rolePolicy, this.#options.leadership.epoch);
        await this.#announce(name);
        if (await this.#replace(next, stored, tries)) return next;
      }
    });
  }

  /** Takes the role of `name`, and then its contents. `check` may throw. Errors as `change`. */
  remove(name: string, check: (document: NameDocument) => void): Promise<void> {
    return this.#locks.with(name, async () => {
      for (let tries = 1; ; tries += 1) {
        const { document, stored } = await this.#live(name);
        check(document);
        if (await this.#takeAway(document, stored, tries)) return;
      }
    });
  }

  /** Takes the role of `name` if its time is over. */
  expire(name: string): Promise<void> {
    return this.#locks.with(name, async () => {
      const stored = await this.#current(name);
      const document = documentIn(stored);
      if (document === undefined || stored === undefined || !this.#isOver(document)) return;
      await this.#takeAway(document, stored, 1);
    });
  }

  /** What stands at the name now, for somebody who is going to write there. An expired role is taken away first. */
  async #vacant(name: string): Promise<StoredName | undefined> {
    const stored = await this.#current(name);
    const document = documentIn(stored);
    if (document === undefined || stored === undefined || !this.#isOver(document)) return stored;
    await this.#takeAway(document, stored, 1);
    return await this.#current(name);
  }

  async #free(name: string, role: RolePolicy['role']): Promise<StoredName | undefined> {
    const { store } = this.#options.catalog;
    const owner = await this.#whoseDeadLettersGoTo(name);
    if (owner !== undefined) throw taken(`${name} holds the dead letters of ${owner}`);
    const below = deadLetterName(name);
    if ((role === 'queue' || role === 'router') && documentIn(await store.read(below)) !== undefined)
      throw taken(`${below}, where the dead letters of ${name} would be, already has a role`);
    const stored = await this.#vacant(name);
    const document = documentIn(stored);
    if (document !== undefined) throw taken(`${name} already has the role ${document.role}`);
    return stored;
  }

  async #live(name: string): Promise<{ document: NameDocument; stored: StoredName }> {
    const stored = await this.#current(name);
    const document = documentIn(stored);
    if (stored !== undefined && document !== undefined && !this.#isOver(document))
      return { document, stored };
    const owner = await this.#whoseDeadLettersGoTo(name);
    if (owner !== undefined)
      throw new HttpProblem(
        'not_changeable',
        `${name} has no policy of its own: it comes and goes with ${owner}`,
      );
    throw new HttpProblem('no_such_name', `${name} has no role`);
  }

  async #whoseDeadLettersGoTo(name: string): Promise<string | undefined> {
    const owner = deadLetterOwner(name);
    return owner !== undefined && hasDeadLetters(await this.#options.catalog.read(owner)) ? owner : undefined;
  }

  /** Throws if a newer leader has been here: then this one is none. */
  async #current(name: string): Promise<StoredName | undefined> {
    const { catalog, leadership } = this.#options;
    const stored = await catalog.store.read(name);
    const epoch = stored === undefined ? 0 : epochOf(stored.record);
    if (epoch <= leadership.epoch) return stored;
    leadership.lost(`${name} was changed by a leader of epoch ${epoch}`, epoch);
    throw new LogError('not_leader', `${name} was changed by a leader of epoch ${epoch}`);
  }

  /** Writes a document where none is in force. What was made for it is thrown away if somebody else was first. */
  async #establish(document: NameDocument, before: StoredName | undefined): Promise<void> {
    const there = await this.#establishOrJoin(document, before);
    if (identityOf(there) === identityOf(document)) return;
    await this.#forgetTrash(contentsIdOf(document));
    throw taken(`${document.name} already has the role ${there.role}`);
  }

  /** Answers what is at the name now: `document`, or what another leader has put there. */
  async #establishOrJoin(document: NameDocument, before: StoredName | undefined): Promise<NameDocument> {
    try {
      await this.#write(document, before);
      this.#done(document.name, document);
      return document;
    } catch (error) {
      if (!isStorageError(error, 'already_exists', 'etag_mismatch', 'not_found', 'outcome_unknown'))
        throw error;
      return await this.#whatIsThere(document, error);
    }
  }

  async #whatIsThere(document: NameDocument, error: unknown): Promise<NameDocument> {
    const there = documentIn(await this.#current(document.name));
    // It may still arrive: then it has all it needs, and if not, the round that empties the trash finds out.
    if (there === undefined) throw error;
    this.#done(document.name, there);
    if (identityOf(there) !== identityOf(document)) await this.trash.empty(contentsOf(document));
    return there;
  }

  /** True when `next` is in force; false when somebody else has written meanwhile and it has to be tried again. */
  async #replace(next: NameDocument | RemovedName, stored: StoredName, tries: number): Promise<boolean> {
    try {
      await this.#write(next, stored);
    } catch (error) {
      if (!isStorageError(error, 'etag_mismatch', 'not_found', 'outcome_unknown') || tries === MAX_TRIES)
        throw error;
      if (!isStorageError(error, 'outcome_unknown') || !(await this.#isThere(next))) return false;
    }
    this.#done(next.name, next.role === 'none' ? undefined : next);
    return true;
  }

  async #isThere(next: NameDocument | RemovedName): Promise<boolean> {
    const stored = await this.#current(next.name);
    return stored !== undefined && JSON.stringify(stored.record) === JSON.stringify(next);
  }

  async #takeAway(document: NameDocument, stored: StoredName, tries: number): Promise<boolean> {
    const { name } = document;
    const { runtime, leadership } = this.#options;
    await this.#keepInMind(document, 'removing');
    await this.#announce(name);
    const removedAt = runtime.now();
    const removed: RemovedName = {
      version: 1,
      name,
      role: 'none',
      removedAt,
      removedByEpoch: leadership.epoch,
    };
    if (!(await this.#replace(removed, stored, tries))) return false;
    void this.#empty(document);
    return true;
  }

  /** Not waited for, and not the last attempt: the trash remembers. */
  async #empty(document: NameDocument): Promise<void> {
    try {
      await this.trash.empty(contentsOf(document));
    } catch (error) {
      if (!isStorageError(error)) throw error;
    }
  }

  async #keepInMind(document: NameDocument, state: 'making' | 'removing'): Promise<string | undefined> {
    const identity = contentsIdOf(document);
    if (identity === undefined && state === 'making') return undefined;
    const { runtime } = this.#options;
    const id = identity ?? randomUuid(runtime);
    const { name } = document;
    await this.trash.put({
      version: 1,
      id,
      name,
      state,
      identity,
      ...contentsOf(document),
      at: runtime.now(),
    });
    return id;
  }

  /** Its being left is no harm, so its going wrong isn't either. */
  async #forgetTrash(id: string | undefined): Promise<void> {
    if (id === undefined) return;
    await this.trash.remove(id).catch((error: unknown) => {
      if (!isStorageError(error)) throw error;
    });
  }

  #announce(name: string): Promise<void> {
    return this.#options.feed.announce(name);
  }

  async #write(next: NameDocument | RemovedName, before: StoredName | undefined): Promise<void> {
    const { catalog, leadership } = this.#options;
    if (!leadership.isLeading()) throw new LogError('not_leader', 'this node does not lead any more');
    const condition: DocumentCondition = before === undefined ? { ifAbsent: true } : { ifMatch: before.etag };
    await catalog.store.write(next, condition);
  }

  #done(name: string, document: NameDocument | undefined): void {
    this.#options.catalog.learn(name, document);
    this.#options.announced();
  }

  #mustHaveTime({ policy }: RolePolicy): void {
    if (!isOver(policy, this.#options.runtime.now())) return;
    throw new PolicyError('expirationInstant', 'expirationInstant is over', 'an instant to come');
  }

  #isOver(document: NameDocument): boolean {
    return isOver(document.policy, this.#options.runtime.now());
  }
}

function taken(detail: string): HttpProblem {
  return new HttpProblem('name_taken', detail);
}
