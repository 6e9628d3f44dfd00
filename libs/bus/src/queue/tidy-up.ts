import type { QueueDocument } from '@message-vault/metadata';
import { isStorageError, type StoredDocument } from '@message-vault/storage';
import { partsOfBodyId } from './bodies.ts';
import type { QueueContext } from './context.ts';
import { GIVEN_UP_PREFIX } from './given-up.ts';
import { LONGEST_LOCK_MS } from './lock-id.ts';
import { RENEWALS_PREFIX } from './renewals.ts';
import { msInLabel } from './small-documents.ts';
import { StorageTime } from './storage-time.ts';

/** Documents and bodies looked at in one call. */
const PAGE = 500;
/** Queues whose emptiness is remembered. */
const MAX_QUEUES = 100_000;
/** Of a wish that does not say of which queue its message is: an earlier version wrote it down. */
const WISH_OF_NO_QUEUE_MS = 8 * 24 * 3_600_000;

/**
 * Removes what nothing refers to any more: bodies whose message is gone, and documents of locks that are over. Rounds of
 * the leader; nothing is wrong if they never come, or if two nodes make them at once.
 */
export class TidyUp {
  readonly #context: QueueContext;
  readonly #storageTime: StorageTime;
  /** Storage queues the last look found empty, and when that was by the storage's clock, at the least. */
  readonly #foundEmptyAt = new Map<string, number>();

  constructor(context: QueueContext) {
    this.#context = context;
    this.#storageTime = new StorageTime(context.runtime);
  }

  /**
   * Bodies of one queue and of its dead letters. A body is an orphan when its message has left storage by its own time
   * to live, or when the queue was empty, twice in a row, long after the body was put: by then its message must
   * have been sent. All of it by the storage's clock: this node's may be wrong, and messages would lose their bodies.
   * Answers how many were removed. Errors: StorageError.
   */
  async bodies(document: QueueDocument, signal?: AbortSignal): Promise<number> {
    const { bodies, limits } = this.#context;
    const emptyAt = {
      messages: await this.#emptyAt(document.queue),
      deadLetters: await this.#emptyAt(document.deadLetterQueue),
    };
    let removed = 0;
    let cursor: string | undefined;
    do {
      const page = await bodies.list(document.container, { limit: PAGE, cursor });
      for (const { createdAt } of page.bodies) this.#storageTime.saw(createdAt);
      for (const { id, createdAt } of page.bodies) {
        const parts = partsOfBodyId(id);
        if (signal?.aborted || parts === undefined) continue;
        const empty = parts.deadLetter ? emptyAt.deadLetters : emptyAt.messages;
        const { goneAt = Number.POSITIVE_INFINITY } = parts;
        const expired = goneAt + limits.orphanAgeMs < this.#storageTime.atLeast();
        const left = empty !== undefined && createdAt + limits.orphanAgeMs < empty;
        if (!expired && !left) continue;
        await bodies.delete(document.container, id);
        removed += 1;
      }
      cursor = page.cursor;
    } while (cursor !== undefined && signal?.aborted !== true);
    return removed;
  }

  /**
   * Renewals of locks that are over, by how long they were to hold and how long ago the storage says that was written
   * down; and wishes whose message is gone. No node's clock says when: it may be wrong. Errors: StorageError.
   */
  async documents(signal?: AbortSignal): Promise<void> {
    const { orphanAgeMs } = this.#context.limits;
    await this.#each(RENEWALS_PREFIX, signal, async ({ label, unchangedMs }) => {
      const lastsMs = msInLabel(label) ?? LONGEST_LOCK_MS;
      return unchangedMs > lastsMs + orphanAgeMs;
    });
    const holdsMessages = new Set<string>();
    await this.#each(GIVEN_UP_PREFIX, signal, async ({ label: queue, unchangedMs }) => {
      if (queue === undefined) return unchangedMs > WISH_OF_NO_QUEUE_MS;
      if (unchangedMs <= orphanAgeMs || holdsMessages.has(queue)) return false;
      const isEmpty = await this.#isEmpty(queue);
      if (!isEmpty) holdsMessages.add(queue);
      return isEmpty;
    });
  }

  /** Of messages under lock as well. A queue that is gone is empty. */
  async #isEmpty(queue: string): Promise<boolean> {
    try {
      return (await this.#context.queues.properties(queue)).approximateCount === 0;
    } catch (error) {
      if (isStorageError(error, 'not_found')) return true;
      throw error;
    }
  }

  /** When the queue was empty at the look before, if it is empty now as well. */
  async #emptyAt(queue: string): Promise<number | undefined> {
    const before = this.#foundEmptyAt.get(queue);
    const now = this.#storageTime.atLeast();
    const { approximateCount } = await this.#context.queues.properties(queue);
    this.#foundEmptyAt.delete(queue);
    if (approximateCount > 0) return undefined;
    if (this.#foundEmptyAt.size < MAX_QUEUES) this.#foundEmptyAt.set(queue, now);
    return before;
  }

  /** Removes the documents that are over, in just the version that was looked at. */
  async #each(
    prefix: string,
    signal: AbortSignal | undefined,
    isOver: (there: StoredDocument) => Promise<boolean>,
  ): Promise<void> {
    const { documents } = this.#context;
    let cursor: string | undefined;
    do {
      const page = await documents.list(prefix, { limit: PAGE, cursor });
      for (const path of page.paths) {
        if (signal?.aborted) return;
        try {
          const there = await documents.get(path);
          if (there !== undefined && (await isOver(there)))
            await documents.delete(path, { ifMatch: there.etag });
        } catch (error) {
          if (!isStorageError(error)) throw error;
        }
      }
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
}
