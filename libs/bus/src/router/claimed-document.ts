import { type Runtime, sleep } from '@message-vault/runtime';
import { type DocumentStore, type ETag, isStorageError } from '@message-vault/storage';
import type { Alarms } from './alarms.ts';
import { backOffMs } from './back-off.ts';
import { RouterError } from './errors.ts';

/** How a kind of document is written and read; `parse` throws what it finds wrong. */
export interface DocumentCodec<Body> {
  encode(body: Body): Uint8Array;
  parse(bytes: Uint8Array): Body;
}

export interface ClaimOptions<Body> {
  readonly documents: DocumentStore;
  readonly runtime: Runtime;
  readonly alarms: Alarms;
  readonly path: string;
  /** Of the leader that claims it. */
  readonly epoch: number;
  readonly codec: DocumentCodec<Body>;
  /** What is written when there is none yet. */
  readonly initial: () => Body;
  /** The longest a change waits to be saved when nobody waits for it. */
  readonly saveEveryMs: number;
  /** Another leader has claimed it, or it was removed. */
  readonly onLost: (reason: string) => void;
  readonly signal: AbortSignal;
}

interface Saver {
  readonly change: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** Codes after which the same call is made again. */
const PASSING = ['outcome_unknown', 'unavailable', 'throttled'] as const;

/**
 * A document that belongs to one leader for one term.
 *
 * Claiming it writes it anew with the leader's epoch: from then on the condition of every write an older leader still
 * has on its way, or will ever send, names a version that is gone. Saving is one write at a time, each on top of the last.
 */
export class ClaimedDocument<Body extends { epoch: number }> {
  /** Called before every save: puts into the body what is known elsewhere. */
  beforeSave: (() => void) | undefined;
  /** Called after every save that went well. */
  afterSave: (() => void) | undefined;
  /** Changed in place, then `touch` or `durable` is called. */
  readonly body: Body;
  readonly #options: ClaimOptions<Body>;
  #etag: ETag;
  #changes = 0;
  #saved = 0;
  #saving = false;
  #lost: RouterError | undefined;
  #savers: Saver[] = [];

  constructor(options: ClaimOptions<Body>, body: Body, etag: ETag) {
    this.#options = options;
    this.body = body;
    this.#etag = etag;
  }

  /** Errors: RouterError `not_leader` when a newer leader was here first; what `parse` throws; the signal's reason. */
  static async claim<Body extends { epoch: number }>(
    options: ClaimOptions<Body>,
  ): Promise<ClaimedDocument<Body>> {
    const { documents, path, epoch, codec, initial, runtime, signal } = options;
    for (let failures = 0; ; failures += 1) {
      if (failures > 0) await sleep(runtime, backOffMs(failures, runtime.random()), signal);
      try {
        const found = await documents.get(path, { signal });
        const body = found === undefined ? initial() : codec.parse(found.body);
        if (body.epoch > epoch)
          throw new RouterError('not_leader', `epoch ${body.epoch} has claimed ${path}`);
        body.epoch = epoch;
        const condition = found === undefined ? { ifAbsent: true as const } : { ifMatch: found.etag };
        const { etag } = await documents.put(path, codec.encode(body), condition, { signal });
        return new ClaimedDocument(options, body, etag);
      } catch (error) {
        signal.throwIfAborted();
        if (!isStorageError(error, ...PASSING, 'etag_mismatch', 'already_exists', 'not_found')) throw error;
      }
    }
  }

  get lost(): boolean {
    return this.#lost !== undefined;
  }

  /** The body was changed; to be saved some time soon. */
  touch(): void {
    this.#changes += 1;
    if (!this.#saving && this.#lost === undefined) this.#saveLater();
  }

  /** Resolves when all changes of the body made so far are saved. Errors: RouterError `not_leader`, the signal's reason. */
  durable(): Promise<void> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    this.#changes += 1;
    const change = this.#changes;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#savers.push({ change, resolve, reject });
    if (!this.#saving) void this.#save();
    return promise;
  }

  /** Saves what is not saved yet, if it can. */
  async flush(): Promise<void> {
    if (this.#saved === this.#changes && !this.#saving) return;
    await this.durable().catch(() => {});
  }

  /** Removes it: the router is gone. Errors: StorageError. */
  async remove(): Promise<void> {
    this.#fail('router_gone', 'the router was removed');
    const { documents, path } = this.#options;
    await documents.delete(path, { ifMatch: this.#etag });
  }

  async #save(): Promise<void> {
    this.#saving = true;
    this.#options.alarms.clear(this);
    try {
      do {
        const change = this.#changes;
        await this.#write();
        this.#saved = change;
        this.#settle((saver) => saver.resolve(), change);
      } while (this.#savers.length > 0);
    } catch (error) {
      this.#settle((saver) => saver.reject(error));
    } finally {
      this.#saving = false;
    }
    if (this.#saved < this.#changes && this.#lost === undefined) this.#saveLater();
  }

  #saveLater(): void {
    const { alarms, saveEveryMs } = this.#options;
    alarms.setSooner(this, saveEveryMs, () => void this.#save());
  }

  /** Puts the body as it is now on top of the last version. Gives up only when it is lost, or its leader ends. */
  async #write(): Promise<void> {
    const { documents, path, codec, runtime, signal } = this.#options;
    for (let failures = 1; this.#lost === undefined; failures += 1) {
      try {
        this.beforeSave?.();
        const bytes = codec.encode(this.body);
        const { etag } = await documents.put(path, bytes, { ifMatch: this.#etag }, { signal });
        this.#etag = etag;
        this.afterSave?.();
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (!isStorageError(error)) throw error;
        const refused = isStorageError(error, 'etag_mismatch', 'not_found');
        if (refused && (await this.#lookAgain())) continue;
        // Without a pause it would be tried for ever, as fast as storage answers.
        await sleep(runtime, backOffMs(failures, runtime.random()), signal);
        if (!refused) await this.#lookAgain();
      }
    }
    throw this.#lost;
  }

  /**
   * Somebody wrote on top of our last version: an earlier try of ours, whose answer was lost, or another leader. False
   * when it can't be found out who.
   */
  async #lookAgain(): Promise<boolean> {
    const { documents, path, codec, epoch, signal } = this.#options;
    try {
      const found = await documents.get(path, { signal });
      const holder = found && codec.parse(found.body).epoch;
      if (found === undefined) this.#fail('router_gone', `${path} was removed`);
      else if (holder !== epoch) this.#fail('not_leader', `epoch ${holder} has claimed ${path}`);
      else this.#etag = found.etag;
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (!isStorageError(error)) throw error;
      return false;
    }
  }

  #fail(code: 'not_leader' | 'router_gone', reason: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = new RouterError(code, reason);
    this.#options.alarms.clear(this);
    this.#options.onLost(reason);
  }

  #settle(how: (saver: Saver) => void, upTo = Number.POSITIVE_INFINITY): void {
    const settled = this.#savers.filter(({ change }) => change <= upTo);
    this.#savers = this.#savers.filter(({ change }) => change > upTo);
    for (const saver of settled) how(saver);
  }
}
