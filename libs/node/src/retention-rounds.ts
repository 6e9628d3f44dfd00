import { applyRetention, isLogError } from '@message-vault/log';
import { intakeOf, type RouterDocument } from '@message-vault/metadata';
import type { Runtime } from '@message-vault/runtime';
import { isStorageError, type PageStore } from '@message-vault/storage';
import type { Logger } from '@message-vault/telemetry';
import type { Catalog } from './catalog.ts';
import { inRounds } from './rounds.ts';
import { type StreamEntry, streamEntry } from './stream-entry.ts';

export interface RetentionRoundsOptions {
  readonly catalog: Catalog;
  readonly pages: PageStore;
  readonly runtime: Runtime;
  readonly logger: Logger;
  /** Where a router's stream is still needed from; undefined while that is not known. */
  readonly neededFrom: (router: RouterDocument) => Promise<number | undefined>;
}

/** Pause between two rounds over all streams. */
const EVERY_MS = 15 * 60_000;

/** While this node leads: goes over all streams now and then and removes the segments their policies let go. */
export class RetentionRounds {
  readonly #options: RetentionRoundsOptions;
  readonly #stopped = new AbortController();

  constructor(options: RetentionRoundsOptions) {
    const { runtime, logger } = options;
    this.#options = options;
    void inRounds({
      runtime,
      everyMs: EVERY_MS,
      stopped: this.#stopped.signal,
      round: () => this.#round(),
      failed: (error) => logger.warn({ error }, 'a round of retention ended early; the next one goes on'),
    });
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #round(): Promise<void> {
    for await (const document of this.#options.catalog.documents()) {
      if (this.#stopped.signal.aborted) return;
      if (document.role === 'stream') await this.#applyOrGoOn(streamEntry(document));
      if (document.role === 'router') await this.#applyToIntake(document);
    }
  }

  /** What a router took in goes when it is old enough and every subscription has had it. */
  async #applyToIntake(document: RouterDocument): Promise<void> {
    const keepFrom = await this.#options.neededFrom(document);
    if (keepFrom !== undefined) await this.#applyOrGoOn(streamEntry(intakeOf(document)), keepFrom);
  }

  /** One stream that can't be tidied up must not keep the others from it. */
  async #applyOrGoOn(entry: StreamEntry, keepFrom?: number): Promise<void> {
    try {
      await this.#apply(entry, keepFrom);
    } catch (error) {
      if (!isStorageError(error) && !isLogError(error)) throw error;
      const { logger } = this.#options;
      logger.warn(
        { error, stream: entry.ref.name },
        'retention failed for this stream; the next round tries again',
      );
    }
  }

  async #apply({ ref, document }: StreamEntry, keepFrom: number | undefined): Promise<void> {
    const { pages, runtime, logger } = this.#options;
    const deleted = await applyRetention({
      pages,
      stream: ref,
      policy: document.policy,
      keepFrom,
      nowMs: runtime.now(),
      signal: this.#stopped.signal,
    });
    if (deleted.length > 0)
      logger.info({ stream: ref.name, segments: deleted.length }, 'retention removed segments');
  }
}
