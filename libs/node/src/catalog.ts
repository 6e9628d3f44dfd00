import type { NameEntry, NamePage } from '@message-vault/http';
import { createStream, LogError } from '@message-vault/log';
import {
  containerName,
  encodeNameDocument,
  type NameDocument,
  type NameRole,
  nameOfPath,
  namePath,
  namePathPrefix,
  parseNameDocument,
  type StreamDocument,
  type StreamPolicy,
} from '@message-vault/metadata';
import { type Runtime, randomUuid } from '@message-vault/runtime';
import { isStorageError, type Storage } from '@message-vault/storage';
import { streamEntry } from './stream-entry.ts';

/** Names remembered by a node; a name beyond that is looked up again. */
const MAX_REMEMBERED = 50_000;
/** Name documents read at once while a listing is made. */
const LISTING_PARALLEL = 16;
/** Names taken from storage at once while children are looked for. */
const MAX_LISTED = 1000;

/** The names of the cluster and what is known of each: documents in storage, remembered here once seen. */
export class Catalog {
  readonly #storage: Storage;
  readonly #runtime: Runtime;
  readonly #entries = new Map<string, NameDocument>();
  readonly #creating = new Map<string, Promise<NameDocument>>();

  constructor(storage: Storage, runtime: Runtime) {
    this.#storage = storage;
    this.#runtime = runtime;
  }

  /** Undefined for a name that has no role. */
  async lookup(name: string): Promise<NameDocument | undefined> {
    return this.#entries.get(name) ?? (await this.#read(name));
  }

  /**
   * The stream at `name`, made if the name has no role yet. For the leader only: `epoch` is written down with it.
   * Two leaders that race both get the one that was first.
   */
  async ensureStream(name: string, init: { epoch: number; policy: StreamPolicy }): Promise<NameDocument> {
    const known = await this.lookup(name);
    if (known !== undefined) return known;
    const running = this.#creating.get(name);
    if (running !== undefined) return running;
    const creating = this.#create(name, init).finally(() => this.#creating.delete(name));
    this.#creating.set(name, creating);
    return creating;
  }

  /** Names that begin with `prefix`, in order, a page at a time. */
  async list(prefix: string, page: { limit: number; cursor: string | undefined }): Promise<NamePage> {
    const listed = await this.#storage.documents.list(namePathPrefix(prefix), page);
    const names: NameEntry[] = [];
    const found = listed.paths.map(nameOfPath).filter((name) => name !== undefined);
    for (let at = 0; at < found.length; at += LISTING_PARALLEL) {
      const slice = found.slice(at, at + LISTING_PARALLEL);
      const entries = await Promise.all(slice.map((name) => this.lookup(name)));
      for (const entry of entries) {
        if (entry !== undefined) names.push({ name: entry.name, role: entry.role });
      }
    }
    return { names, cursor: listed.cursor };
  }

  /**
   * Names directly below `name`, in order. One that has no role itself but has names below it is there too, as `none`.
   * The cursor is the last name given.
   */
  async listChildren(name: string, page: { limit: number; cursor: string | undefined }): Promise<NamePage> {
    const children = new Map<string, NameRole>();
    let cursor: string | undefined;
    do {
      const listed = await this.list(`${name}/`, { limit: MAX_LISTED, cursor });
      for (const each of listed.names) addChild(children, name, each);
      cursor = listed.cursor;
    } while (cursor !== undefined && countAfter(children, page.cursor) <= page.limit);
    const after = [...children].filter(([child]) => page.cursor === undefined || child > page.cursor);
    const names = after.slice(0, page.limit).map(([child, role]) => ({ name: child, role }));
    return { names, cursor: after.length > page.limit ? names.at(-1)?.name : undefined };
  }

  async #create(name: string, init: { epoch: number; policy: StreamPolicy }): Promise<NameDocument> {
    const document: StreamDocument = {
      version: 1,
      name,
      role: 'stream',
      streamId: randomUuid(this.#runtime),
      container: containerName(this.#runtime.randomBytes(16)),
      createdAt: this.#runtime.now(),
      createdByEpoch: init.epoch,
      policy: init.policy,
    };
    await createStream({
      pages: this.#storage.pages,
      stream: streamEntry(document).ref,
      epoch: init.epoch,
      segmentBytes: init.policy.segmentBytes,
    });
    try {
      await this.#storage.documents.put(namePath(name), encodeNameDocument(document), { ifAbsent: true });
    } catch (error) {
      // Another leader was first, or our own write landed without an answer: whichever document is there now counts.
      if (!isStorageError(error, 'already_exists', 'outcome_unknown')) throw error;
    }
    const entry = await this.#read(name);
    if (entry === undefined)
      throw new LogError('storage_unavailable', `the stream ${name} could not be created`);
    if (!('container' in entry) || entry.container !== document.container) {
      await this.#storage.pages.deleteContainer(document.container);
    }
    return entry;
  }

  async #read(name: string): Promise<NameDocument | undefined> {
    const stored = await this.#storage.documents.get(namePath(name));
    if (stored === undefined) return undefined;
    const document = parseNameDocument(stored.body);
    const oldest = this.#entries.size >= MAX_REMEMBERED ? this.#entries.keys().next().value : undefined;
    if (oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(name, document);
    return document;
  }
}

function addChild(children: Map<string, NameRole>, parent: string, entry: NameEntry): void {
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
