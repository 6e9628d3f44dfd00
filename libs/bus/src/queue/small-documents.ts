import { Buffer } from 'node:buffer';
import { type DocumentStore, isStorageError, StorageError } from '@message-vault/storage';
import type { z } from 'zod';

/** How often a document is read and written again when somebody else wrote in between, or an answer was lost. */
const TRIES = 4;

/** Documents of one shape without a history: read, replaced and removed by path. */
export class SmallDocuments<T> {
  readonly #documents: DocumentStore;
  readonly #schema: z.ZodType<T>;

  constructor(documents: DocumentStore, schema: z.ZodType<T>) {
    this.#documents = documents;
    this.#schema = schema;
  }

  /** Undefined when there is none, or it can't be read. Errors: StorageError. */
  async get(path: string): Promise<T | undefined> {
    const stored = await this.#documents.get(path);
    return stored && this.#parse(stored.body);
  }

  /**
   * Puts what `edit` makes of what is there in its place, or removes it. `edit` may be called several times, and finds
   * what it made before if only the answer was lost. Errors: StorageError.
   */
  async change(
    path: string,
    label: string,
    edit: (there: T | undefined) => T | 'as it is' | 'none',
  ): Promise<void> {
    for (let left = TRIES; ; left -= 1) {
      try {
        const there = await this.#documents.get(path);
        const made = edit(there && this.#parse(there.body));
        if (made === 'as it is') return;
        if (made !== 'none') {
          const condition = there === undefined ? { ifAbsent: true as const } : { ifMatch: there.etag };
          await this.#documents.put(path, Buffer.from(JSON.stringify(made)), condition, { label });
        } else if (there !== undefined) await this.#documents.delete(path, { ifMatch: there.etag });
        return;
      } catch (error) {
        // Its outcome may be read back by the next try; that a lost write lands later is what readers check receipts for.
        if (left <= 1 || !isStorageError(error) || error.code === 'unauthorized') throw error;
      }
    }
  }

  /** Idempotent. What can't be removed now is left: whoever tidies up finds it. */
  async remove(path: string): Promise<void> {
    try {
      const there = await this.#documents.get(path);
      if (there !== undefined) await this.#documents.delete(path, { ifMatch: there.etag });
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
    }
  }

  #parse(body: Uint8Array): T | undefined {
    try {
      const parsed = this.#schema.safeParse(JSON.parse(Buffer.from(body).toString('utf8')));
      return parsed.success ? parsed.data : undefined;
    } catch {
      return undefined; // Not JSON: nothing we wrote.
    }
  }
}

/** A label that says a time, in whole milliseconds. */
export function labelOfMs(ms: number): string {
  return `${Math.ceil(ms)}`;
}

/** Undefined where there is none: earlier versions wrote no labels. */
export function msInLabel(label: string | undefined): number | undefined {
  return label !== undefined && /^\d{1,15}$/.test(label) ? Number(label) : undefined;
}
