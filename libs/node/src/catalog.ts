import type { NamePage, PageRequest } from '@message-vault/http';
import {
  deadLetterOf,
  deadLetterOwner,
  type NameDocument,
  type NameRole,
  type QueueDocument,
  type RouterDocument,
  summaryOf,
} from '@message-vault/metadata';
import type { Runtime } from '@message-vault/runtime';
import { isStorageError, type Storage } from '@message-vault/storage';
import { readChanges } from './names/changes-feed.ts';
import { Freshness } from './names/freshness.ts';
import { identityOf } from './names/identity.ts';
import { type ListedName, NameStore, type StoredName } from './names/name-store.ts';

interface Remembered {
  readonly document: NameDocument;
  /** On the monotonic clock, before it was read. */
  readonly readAt: number;
}

/** Reads of one name that are under way, and the latest that became known of it since the first of them began. */
interface Reads {
  count: number;
  latest: { readonly order: number; readonly document: NameDocument | undefined } | undefined;
}

/** Who wants to know what becomes of names this node knows. */
export interface CatalogListener {
  /** The name has lost this role; its contents go, or have gone. */
  gone?(document: NameDocument): void;
  /** The same role has another policy. */
  changed?(document: NameDocument): void;
}

/** Names remembered by a node; a name beyond that is looked up again. */
const MAX_REMEMBERED = 50_000;
/** Names taken from storage at once while a listing is made. */
const MAX_LISTED = 1000;
/** The same while all of them are gone through: nobody waits for that. */
const PAGE_NAMES = 100;

/** The names of the cluster and what is known of each: documents in storage, remembered here for as long as they hold. */
export class Catalog {
  readonly store: NameStore;
  readonly freshness: Freshness;
  readonly #runtime: Runtime;
  readonly #entries = new Map<string, Remembered>();
  readonly #reads = new Map<string, Reads>();
  readonly #deadLetters = new WeakMap<NameDocument, QueueDocument>();
  readonly #listeners = new Set<CatalogListener>();
  /** Grows whenever everything is forgotten: what was read before is not remembered after. */
  #generation = 0;
  /** Numbers reads and writes in the order in which they began, or were over. */
  #order = 0;

  constructor(storage: Storage, runtime: Runtime) {
    this.store = new NameStore(storage.documents);
    this.#runtime = runtime;
    this.freshness = new Freshness({
      runtime,
      read: () => readChanges(storage.documents),
      changing: (names) => this.#outdate(names),
    });
  }

  /** Tells `listener` until the function that is returned is called. */
  subscribe(listener: CatalogListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What is remembered and holds: at once, for those who are in a hurry. Undefined says nothing. */
  known(name: string): NameDocument | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined || !this.freshness.holds(name, entry.readAt)) return undefined;
    return this.#inForce(entry.document);
  }

  /** Undefined for a name that has no role. Errors: StorageError, DocumentError. */
  async lookup(name: string): Promise<NameDocument | undefined> {
    const known = this.known(name);
    if (known !== undefined) return known;
    const owner = deadLetterOwner(name);
    const queue = owner === undefined ? undefined : this.#deadLettersOf(await this.lookup(owner));
    return queue ?? this.#inForce(await this.#remembered(name));
  }

  /** As `lookup`, from storage, whatever is remembered. */
  async read(name: string): Promise<NameDocument | undefined> {
    const owner = deadLetterOwner(name);
    const queue = owner === undefined ? undefined : this.#deadLettersOf(await this.read(owner));
    return queue ?? this.#inForce(await this.#read(name));
  }

  /** Takes what was just written: `undefined` for a name without a role. */
  learn(name: string, document: NameDocument | undefined): void {
    this.#order += 1;
    this.#take(name, document, { readAt: this.#runtime.monotonic(), order: this.#order });
  }

  /** The next one to ask for `name` gets it from storage. */
  outdate(name: string): void {
    this.#outdate([name]);
  }

  forgetAll(): void {
    this.#generation += 1;
    this.#outdate([...this.#entries.keys()]);
  }

  /** Names that begin with `prefix`, in order, a page at a time. */
  async list(prefix: string, page: PageRequest): Promise<NamePage> {
    const listed = await this.#listed(prefix, page);
    const seen = await Promise.all(listed.names.map((each) => page.sees?.(each) ?? true));
    const names = listed.names.filter((_, at) => seen[at]);
    return { names: names.map(({ name, summary }) => ({ name, role: summary.role })), cursor: listed.cursor };
  }

  /**
   * Names directly below `name`, in order. One that has no role itself but has names below it is there too, as `none`.
   * The cursor is the last name given.
   */
  async listChildren(name: string, page: PageRequest): Promise<NamePage> {
    const children = new Map<string, NameRole>();
    let cursor: string | undefined;
    const deadLetters = this.#deadLettersOf(await this.lookup(name));
    if (deadLetters !== undefined && (await seesDeadLetters(page, deadLetters)))
      children.set(deadLetters.name, 'queue');
    do {
      const listed = await this.list(`${name}/`, { limit: MAX_LISTED, cursor, sees: page.sees });
      for (const each of listed.names) addChild(children, name, each);
      cursor = listed.cursor;
    } while (cursor !== undefined && countAfter(children, page.cursor) <= page.limit);
    const after = [...children]
      .sort(byName)
      .filter(([child]) => page.cursor === undefined || child > page.cursor);
    const names = after.slice(0, page.limit).map(([child, role]) => ({ name: child, role }));
    return { names, cursor: after.length > page.limit ? names.at(-1)?.name : undefined };
  }

  /** All names that have a role, for those who look after each of them. */
  async *documents(): AsyncGenerator<NameDocument> {
    let cursor: string | undefined;
    do {
      const page = await this.list('', { limit: PAGE_NAMES, cursor });
      for (const { name } of page.names) {
        const document = await this.lookup(name);
        if (document !== undefined) yield document;
      }
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  /** Names with a role that is in force. */
  async #listed(
    prefix: string,
    page: PageRequest,
  ): Promise<{ names: ListedName[]; cursor: string | undefined }> {
    const { names, cursor } = await this.store.list(prefix, page);
    const now = this.#runtime.now();
    return { names: names.filter(({ summary }) => summary.role !== 'none' && !isOver(summary, now)), cursor };
  }

  async #remembered(name: string): Promise<NameDocument | undefined> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return await this.#read(name);
    if (this.freshness.holds(name, entry.readAt)) return entry.document;
    const renewed = await this.freshness.renewed();
    const after = this.#entries.get(name);
    // Storage is silent, so nobody can have changed anything through it that this node could know of.
    if (!renewed && after !== undefined) return after.document;
    if (after !== undefined && this.freshness.holds(name, after.readAt)) return after.document;
    return await this.#readAgain(name, after);
  }

  async #readAgain(name: string, known: Remembered | undefined): Promise<NameDocument | undefined> {
    try {
      return await this.#read(name);
    } catch (error) {
      if (known === undefined || !isStorageError(error)) throw error;
      return known.document;
    }
  }

  /** What was written, or read by a later look, while this one was under way is newer than what it brings. */
  async #read(name: string): Promise<NameDocument | undefined> {
    const generation = this.#generation;
    const readAt = this.#runtime.monotonic();
    this.#order += 1;
    const order = this.#order;
    const reads = this.#reads.get(name) ?? { count: 0, latest: undefined };
    reads.count += 1;
    this.#reads.set(name, reads);
    try {
      const document = documentIn(await this.store.read(name));
      const { latest } = reads;
      if (latest !== undefined && latest.order > order) return latest.document;
      if (generation === this.#generation) this.#take(name, document, { readAt, order });
      return document;
    } finally {
      reads.count -= 1;
      if (reads.count === 0) this.#reads.delete(name);
    }
  }

  #take(
    name: string,
    document: NameDocument | undefined,
    { readAt, order }: { readAt: number; order: number },
  ): void {
    const reads = this.#reads.get(name);
    if (reads !== undefined) reads.latest = { order, document };
    const known = this.#entries.get(name)?.document;
    this.#entries.delete(name);
    if (document !== undefined) this.#remember(name, { document, readAt });
    if (known !== undefined) this.#tell(known, document);
  }

  #deadLettersOf(owner: NameDocument | undefined): QueueDocument | undefined {
    if (!hasDeadLetters(owner)) return undefined;
    const known = this.#deadLetters.get(owner) ?? deadLetterOf(owner);
    this.#deadLetters.set(owner, known);
    return known;
  }

  /** A role that has expired is none, though the leader may not have got round to removing it. */
  #inForce(document: NameDocument | undefined): NameDocument | undefined {
    return document !== undefined && isOver(document.policy, this.#runtime.now()) ? undefined : document;
  }

  #remember(name: string, entry: Remembered): void {
    const oldest = this.#entries.size >= MAX_REMEMBERED ? this.#entries.keys().next().value : undefined;
    if (oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(name, entry);
  }

  /** Kept, so that it is noticed if a role has gone; but not used before it was read again. */
  #outdate(names: readonly string[] | undefined): void {
    if (names === undefined) this.#generation += 1;
    for (const name of names ?? [...this.#entries.keys()]) {
      const entry = this.#entries.get(name);
      if (entry !== undefined) this.#entries.set(name, { ...entry, readAt: Number.NEGATIVE_INFINITY });
    }
  }

  #tell(known: NameDocument, now: NameDocument | undefined): void {
    const same = now !== undefined && identityOf(known) === identityOf(now);
    for (const listener of this.#listeners) {
      if (!same) listener.gone?.(known);
      else if (
        known.changedByEpoch !== now.changedByEpoch ||
        JSON.stringify(known.policy) !== JSON.stringify(now.policy)
      )
        listener.changed?.(now);
    }
  }
}

export function documentIn(stored: StoredName | undefined): NameDocument | undefined {
  return stored === undefined || stored.record.role === 'none' ? undefined : stored.record;
}

/** A queue of dead letters has none of its own. */
export function hasDeadLetters(
  document: NameDocument | undefined,
): document is (QueueDocument & { deadLetterOf?: undefined }) | RouterDocument {
  if (document?.role === 'queue') return document.deadLetterOf === undefined;
  return document?.role === 'router';
}

export function isOver({ expiresAt }: { readonly expiresAt?: number | undefined }, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}

async function seesDeadLetters({ sees }: PageRequest, queue: QueueDocument): Promise<boolean> {
  return (await sees?.({ name: queue.name, summary: summaryOf(queue) })) ?? true;
}

function byName([one]: [string, NameRole], [other]: [string, NameRole]): number {
  return one < other ? -1 : 1;
}

function addChild(
  children: Map<string, NameRole>,
  parent: string,
  entry: { name: string; role: NameRole },
): void {
  const [segment = ''] = entry.name.slice(parent.length + 1).split('/');
  const child = `${parent}/${segment}`;
  if (entry.name === child) children.set(child, entry.role);
  else if (!children.has(child)) children.set(child, 'none');
}

function countAfter(children: ReadonlyMap<string, NameRole>, cursor: string | undefined): number {
  if (cursor === undefined) return children.size;
  let count = 0;
  for (const child of children.keys()) if (child > cursor) count += 1;
  return count;
}
