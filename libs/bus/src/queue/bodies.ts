import { Buffer } from 'node:buffer';
import type { QueueDocument } from '@message-vault/metadata';
import { isStorageError } from '@message-vault/storage';
import { ByteBudget } from './byte-budget.ts';
import type { QueueContext } from './context.ts';

/** A body brought in for somebody; `release` when its bytes are no longer held on its behalf. */
export interface LoadedBody {
  readonly bytes: Uint8Array;
  release(): void;
}

/** In an id, for a body whose message stays until it is taken. */
const NEVER = 'ffffffffffff';
const ID = /^([md])-([0-9a-f]{12})-[0-9a-f]{32}$/;

/**
 * Bodies too large for their queue message. An id is `m` for a queue's message or `d` for a dead letter, the latest time
 * its message can be there (12 hexadecimal digits), and 16 random bytes: enough to tell what nothing refers to any more.
 * Every message in storage has a body of its own, so that removing one never takes another's.
 */
export class Bodies {
  readonly #context: QueueContext;
  readonly #budget: ByteBudget;

  constructor(context: QueueContext) {
    this.#context = context;
    this.#budget = new ByteBudget(context.limits.maxBodyBytesInFlight);
  }

  /** Stores a body before the message that will refer to it. Answers its id. Errors: StorageError. */
  async put(document: QueueDocument, batch: Uint8Array, goneAt: number | undefined): Promise<string> {
    const { bodies, runtime } = this.#context;
    const kind = document.deadLetterOf === undefined ? 'm' : 'd';
    const time = goneAt === undefined ? NEVER : Math.floor(goneAt).toString(16).padStart(12, '0');
    const id = `${kind}-${time}-${Buffer.from(runtime.randomBytes(16)).toString('hex')}`;
    await bodies.put(document.container, id, batch);
    return id;
  }

  /** Undefined when it is not there. Waits while too much is held already. Errors: StorageError. */
  async load(container: string, id: string, byteLength: number): Promise<LoadedBody | undefined> {
    const release = await this.#budget.take(byteLength);
    try {
      const bytes = await this.#context.bodies.get(container, id);
      if (bytes !== undefined) return { bytes, release };
    } catch (error) {
      release();
      throw error;
    }
    release();
    return undefined;
  }

  /** After its message has gone. One that can't be removed now is an orphan, found later. */
  async remove(container: string, id: string | undefined): Promise<void> {
    if (id === undefined) return;
    try {
      await this.#context.bodies.delete(container, id);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      this.#context.logger.info({ error, container, id }, 'a body was left behind: it will be tidied up');
    }
  }
}

/** What an id tells; undefined for one that is not ours. `goneAt` undefined: only an empty queue tells. */
export function partsOfBodyId(id: string): { deadLetter: boolean; goneAt: number | undefined } | undefined {
  const [, kind, time = NEVER] = ID.exec(id) ?? [];
  if (kind === undefined) return undefined;
  return { deadLetter: kind === 'd', goneAt: time === NEVER ? undefined : Number.parseInt(time, 16) };
}
