import { Queues } from '@message-vault/bus';
import { deadLetterOf, type Limits, type NameDocument, type QueueDocument } from '@message-vault/metadata';
import type { Runtime } from '@message-vault/runtime';
import { isStorageError, type Storage } from '@message-vault/storage';
import type { Logger, Metrics } from '@message-vault/telemetry';
import type { Wakeup } from '@message-vault/wakeup';
import type { Catalog } from './catalog.ts';
import { inRounds } from './rounds.ts';

export interface QueueDutyOptions {
  readonly storage: Storage;
  readonly catalog: Pick<Catalog, 'documents' | 'subscribe'>;
  readonly runtime: Runtime;
  readonly wakeup: Wakeup;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'queueMessages'>;
  readonly config: { readonly limits: Pick<Limits, 'queue'> };
}

/** Pause between two rounds over all queues. */
const EVERY_MS = 15 * 60_000;

/** The queues of a node, and what it does for all of them while it leads: it counts readers where a policy limits them, and tidies up. */
export class QueueDuty {
  readonly queues: Queues;
  readonly #options: QueueDutyOptions;
  #term = new AbortController();

  constructor(options: QueueDutyOptions) {
    const { storage, runtime, wakeup, logger, metrics, config } = options;
    this.#options = options;
    this.queues = new Queues({
      ...storage,
      runtime,
      wakeup,
      logger,
      limits: config.limits.queue,
      counted: (event, messages) => metrics.queueMessages.inc({ event }, messages),
    });
    options.catalog.subscribe({
      gone: (document) => {
        if (document.role === 'queue') this.queues.gone(document.queueId);
      },
    });
  }

  lead(epoch: number): void {
    this.follow();
    this.queues.lead(epoch);
    const { runtime, logger } = this.#options;
    this.#term = new AbortController();
    const { signal: stopped } = this.#term;
    void inRounds({
      runtime,
      everyMs: EVERY_MS,
      stopped,
      round: () => this.#tidyUp(stopped),
      failed: (error) => logger.warn({ error }, 'a round over the queues ended early; the next one goes on'),
    });
  }

  follow(): void {
    this.queues.follow();
    this.#term.abort();
  }

  async #tidyUp(stopped: AbortSignal): Promise<void> {
    await this.queues.tidyLocks(stopped);
    for await (const document of this.#options.catalog.documents()) {
      if (stopped.aborted) return;
      const queue = queueOf(document);
      if (queue !== undefined) await this.#tidyOrGoOn(queue, stopped);
    }
  }

  /** One queue that can't be tidied up must not keep the others from it. */
  async #tidyOrGoOn(queue: QueueDocument, signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    try {
      const bodies = await this.queues.tidyBodies(queue, signal);
      if (bodies > 0) logger.info({ queue: queue.name, bodies }, 'bodies nothing refers to were removed');
    } catch (error) {
      if (!isStorageError(error)) throw error;
      logger.warn({ error, queue: queue.name }, 'a queue was not tidied up; the next round tries again');
    }
  }
}

/** Whose bodies are to be looked through; a router has dead letters. */
function queueOf(document: NameDocument): QueueDocument | undefined {
  if (document.role === 'queue') return document;
  return document.role === 'router' ? deadLetterOf(document) : undefined;
}
