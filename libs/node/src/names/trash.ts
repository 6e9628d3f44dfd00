import {
  encodeTrashDocument,
  parseTrashDocument,
  TRASH_PREFIX,
  type TrashDocument,
  trashPath,
} from '@message-vault/metadata';
import { type ETag, isStorageError, type Storage } from '@message-vault/storage';
import type { Contents } from './identity.ts';

const PAGE = 100;

export interface StoredTrash {
  readonly document: TrashDocument;
  readonly etag: ETag;
}

/** What is about to come or to go, written down so that it is not forgotten. Errors: StorageError. */
export class Trash {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  async put(document: TrashDocument): Promise<void> {
    const { documents } = this.#storage;
    const path = trashPath(document.id);
    const body = encodeTrashDocument(document);
    try {
      await documents.put(path, body, { ifAbsent: true });
    } catch (error) {
      if (!isStorageError(error, 'already_exists')) throw error;
      const there = await documents.get(path);
      if (there !== undefined) await documents.put(path, body, { ifMatch: there.etag });
    }
  }

  async remove(id: string): Promise<void> {
    await this.#removeDocument(trashPath(id));
  }

  /** Errors besides: `etag_mismatch` when somebody has noted something new there. */
  async removeVersion({ document, etag }: StoredTrash): Promise<void> {
    await this.#storage.documents.delete(trashPath(document.id), { ifMatch: etag });
  }

  /** Where the notes are, all of them. */
  async *paths(): AsyncGenerator<string> {
    const { documents } = this.#storage;
    let cursor: string | undefined;
    do {
      const page = await documents.list(TRASH_PREFIX, { limit: PAGE, cursor });
      yield* page.paths;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  /** Errors besides: DocumentError. */
  async read(path: string): Promise<StoredTrash | undefined> {
    const stored = await this.#storage.documents.get(path);
    return stored && { document: parseTrashDocument(stored.body), etag: stored.etag };
  }

  /** Puts down that what the note lists has been removed, unless somebody has noted something new there. */
  async emptied({ document, etag }: StoredTrash): Promise<void> {
    const body = encodeTrashDocument({ ...document, emptied: true });
    try {
      await this.#storage.documents.put(trashPath(document.id), body, { ifMatch: etag });
    } catch (error) {
      if (!isStorageError(error, 'etag_mismatch', 'not_found')) throw error;
    }
  }

  /** Idempotent. */
  async empty({ containers, queues, documents }: Contents): Promise<void> {
    const { pages, queues: queueStore } = this.#storage;
    await Promise.all([
      ...containers.map((container) => pages.deleteContainer(container)),
      ...queues.map((queue) => queueStore.deleteQueue(queue)),
      ...documents.map((path) => this.#removeDocument(path)),
    ]);
  }

  async #removeDocument(path: string): Promise<void> {
    const { documents } = this.#storage;
    const stored = await documents.get(path);
    if (stored !== undefined) await documents.delete(path, { ifMatch: stored.etag });
  }
}
