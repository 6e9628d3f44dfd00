import { Buffer } from 'node:buffer';
import type { Runtime } from '@message-vault/runtime';
import { type DocumentStore, isStorageError } from '@message-vault/storage';

/**
 * The document that holds it, base64 of 32 bytes in JSON. Whoever reads it can make up locks and, with a way into Redis,
 * read small commits there and make some up for those who chase a tail.
 */
const SECRET_PATH = 'queue-secret';
const SECRET_BYTES = 32;

/**
 * The secret of all nodes: they sign lock ids with it, and make the keys from it that close commits in wake-ups. Made by
 * whoever needs it first; never changes.
 */
export class ClusterSecret {
  readonly #documents: DocumentStore;
  readonly #runtime: Runtime;
  #known: Promise<Uint8Array> | undefined;

  constructor(documents: DocumentStore, runtime: Runtime) {
    this.#documents = documents;
    this.#runtime = runtime;
  }

  /** Errors: StorageError. */
  get(): Promise<Uint8Array> {
    this.#known ??= this.#readOrMake().catch((error: unknown) => {
      this.#known = undefined;
      throw error;
    });
    return this.#known;
  }

  async #readOrMake(): Promise<Uint8Array> {
    const found = await this.#read();
    if (found !== undefined) return found;
    const key = Buffer.from(this.#runtime.randomBytes(SECRET_BYTES)).toString('base64');
    const body = Buffer.from(JSON.stringify({ version: 1, key }));
    try {
      await this.#documents.put(SECRET_PATH, body, { ifAbsent: true });
    } catch (error) {
      // Another node was first, or the answer was lost: what is there now counts.
      if (!isStorageError(error, 'already_exists', 'outcome_unknown')) throw error;
    }
    const made = await this.#read();
    // Lost without having been written: the next call begins anew.
    return made ?? (await this.#readOrMake());
  }

  async #read(): Promise<Uint8Array | undefined> {
    const document = await this.#documents.get(SECRET_PATH);
    if (document === undefined) return undefined;
    const content: unknown = JSON.parse(Buffer.from(document.body).toString('utf8'));
    if (
      typeof content === 'object' &&
      content !== null &&
      'key' in content &&
      typeof content.key === 'string'
    )
      return Buffer.from(content.key, 'base64');
    throw new TypeError(`the document ${SECRET_PATH} holds no secret`);
  }
}
