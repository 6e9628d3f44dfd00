import { Buffer } from 'node:buffer';
import { type Runtime, sleep } from '@message-vault/runtime';
import { type DocumentStore, type ETag, isStorageError } from '@message-vault/storage';
import { z } from 'zod';

/**
 * The document that holds it, base64 of 32 bytes in JSON. Whoever reads it can make up locks and, with a way into Redis,
 * read small commits there and make some up for those who chase a tail.
 */
const SECRET_PATH = 'queue-secret';
const SECRET_BYTES = 32;
/** What was read longer ago is read again before it is used: so long a replaced secret may go on being used. */
const MAX_AGE_MS = 60_000;
/** Between two readings that are made because something was signed with none of the secrets known: anybody can send such. */
const PAUSE_MS = 1000;

/** The first signs, each is believed. */
export type Secrets = readonly [newest: Uint8Array, ...before: Uint8Array[]];

const schema = z.object({
  version: z.literal(1),
  key: z.base64(),
  /** The one before `key`. */
  previous: z.base64().optional(),
});

/**
 * The secret of all nodes: they sign lock ids with it, and make the keys from it that close commits in wake-ups. Made by
 * whoever needs it first. It may be replaced at any time (rotateClusterSecret): the one before is believed still.
 */
export class ClusterSecret {
  readonly #documents: DocumentStore;
  readonly #runtime: Runtime;
  #known: { readonly secrets: Secrets; readonly readAt: number } | undefined;
  #reading: Promise<Secrets> | undefined;
  #next: Promise<Secrets> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(documents: DocumentStore, runtime: Runtime) {
    this.#documents = documents;
    this.#runtime = runtime;
  }

  /** Not older than a minute, unless the storage does not answer. Errors: StorageError, as long as nothing is known. */
  async get(): Promise<Secrets> {
    const known = this.#known;
    if (known !== undefined && this.#runtime.monotonic() - known.readAt < MAX_AGE_MS) return known.secrets;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    try {
      return await this.#reading;
    } catch (error) {
      if (known === undefined || !isStorageError(error)) throw error;
      return known.secrets;
    }
  }

  /**
   * As they are now, for something that was signed with none of those known: another node may know a newer one. Whoever
   * asks within a second waits for the same reading. Errors: StorageError.
   */
  latest(): Promise<Secrets> {
    this.#next ??= this.#readSoon();
    return this.#next;
  }

  async #readSoon(): Promise<Secrets> {
    const early = this.#readAt + PAUSE_MS - this.#runtime.monotonic();
    if (early > 0) await sleep(this.#runtime, early);
    // Whoever asks from here on is served by the reading after this one.
    this.#next = undefined;
    return await this.#read();
  }

  async #read(): Promise<Secrets> {
    const readAt = this.#runtime.monotonic();
    this.#readAt = readAt;
    const secrets = await readOrMake(this.#documents, this.#runtime);
    // A reading that began later may have come back sooner.
    if (this.#known === undefined || this.#known.readAt <= readAt) this.#known = { secrets, readAt };
    return secrets;
  }
}

/**
 * Puts a new secret in the place of the one there is, and forgets the one before that. Nodes sign with the new one within
 * a minute. False when there is none yet. Errors: StorageError; after `etag_mismatch` somebody else has replaced it.
 */
export async function rotateClusterSecret(documents: DocumentStore, runtime: Runtime): Promise<boolean> {
  const stored = await read(documents);
  if (stored === undefined) return false;
  const key = newKey(runtime);
  const body = bodyOf({ version: 1, key, previous: stored.content.key });
  try {
    await documents.put(SECRET_PATH, body, { ifMatch: stored.etag });
  } catch (error) {
    // Made once more, it would forget the one before too early.
    const isDone = isStorageError(error) && (await read(documents))?.content.key === key;
    if (!isDone) throw error;
  }
  return true;
}

async function readOrMake(documents: DocumentStore, runtime: Runtime): Promise<Secrets> {
  const found = await read(documents);
  if (found !== undefined) return secretsOf(found.content);
  try {
    await documents.put(SECRET_PATH, bodyOf({ version: 1, key: newKey(runtime) }), { ifAbsent: true });
  } catch (error) {
    // Another node was first, or the answer was lost: what is there now counts.
    if (!isStorageError(error, 'already_exists', 'outcome_unknown')) throw error;
  }
  const made = await read(documents);
  // Lost without having been written: begin anew.
  return made === undefined ? await readOrMake(documents, runtime) : secretsOf(made.content);
}

async function read(
  documents: DocumentStore,
): Promise<{ content: z.infer<typeof schema>; etag: ETag } | undefined> {
  const document = await documents.get(SECRET_PATH);
  if (document === undefined) return undefined;
  const json: unknown = JSON.parse(Buffer.from(document.body).toString('utf8'));
  const { data } = schema.safeParse(json);
  if (data === undefined) throw new TypeError(`the document ${SECRET_PATH} holds no secret`);
  return { content: data, etag: document.etag };
}

function secretsOf({ key, previous }: z.infer<typeof schema>): Secrets {
  const before = previous === undefined ? [] : [Buffer.from(previous, 'base64')];
  return [Buffer.from(key, 'base64'), ...before];
}

function newKey(runtime: Runtime): string {
  return Buffer.from(runtime.randomBytes(SECRET_BYTES)).toString('base64');
}

function bodyOf(content: z.infer<typeof schema>): Uint8Array {
  return Buffer.from(JSON.stringify(content));
}
