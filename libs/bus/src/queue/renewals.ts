import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { QueueContext } from './context.ts';
import type { Lock } from './lock-id.ts';
import { labelOfMs, SmallDocuments } from './small-documents.ts';

/** Where renewals are written down: `queue-locks/<queue id>/<which lock>`. */
export const RENEWALS_PREFIX = 'queue-locks/';
/** Renewals a node remembers; one beyond is read from its document. */
const MAX_REMEMBERED = 20_000;

const renewalSchema = z.strictObject({
  version: z.literal(1),
  popReceipt: z.string(),
  /** Milliseconds since 1970. */
  until: z.int(),
  /** How often the lock has been renewed by then: of two renewals the one with more is newer, whoever writes last. */
  count: z.int().nonnegative().default(0),
});

/** What a lock id stands for since it was renewed: storage gives a new receipt each time, the consumer keeps one id. */
export type Renewal = Readonly<z.infer<typeof renewalSchema>>;

/** The newest receipt and deadline of every renewed lock, for all nodes. A lock that was never renewed has none. */
export class Renewals {
  readonly #documents: SmallDocuments<Renewal>;
  readonly #remembered = new Map<string, Renewal>();

  constructor({ documents }: Pick<QueueContext, 'documents'>) {
    this.#documents = new SmallDocuments<Renewal>(documents, renewalSchema);
  }

  /** As this node knows it: perhaps another node has renewed since. */
  remembered(lock: Lock): Renewal | undefined {
    return this.#remembered.get(pathOf(lock));
  }

  /** Errors: StorageError. */
  async read(lock: Lock): Promise<Renewal | undefined> {
    return this.#documents.get(pathOf(lock));
  }

  /**
   * Unless a newer one was written down meanwhile. The label says how long the lock holds from now, which is right whatever
   * this node's clock says. Errors: StorageError. This node knows of it even then.
   */
  async save(
    lock: Lock,
    { popReceipt, until, count }: Omit<Renewal, 'version'>,
    lastsMs: number,
  ): Promise<void> {
    const path = pathOf(lock);
    const renewal: Renewal = { version: 1, popReceipt, until, count };
    const oldest = this.#remembered.size >= MAX_REMEMBERED ? this.#remembered.keys().next().value : undefined;
    if (oldest !== undefined) this.#remembered.delete(oldest);
    this.#remembered.set(path, renewal);
    await this.#documents.change(path, labelOfMs(lastsMs), (there) =>
      there !== undefined && there.count > count ? 'as it is' : renewal,
    );
  }

  /** The lock is over. */
  async forget(lock: Lock, wasRenewed: boolean): Promise<void> {
    const path = pathOf(lock);
    if (this.#remembered.delete(path) || wasRenewed) await this.#documents.remove(path);
  }
}

function pathOf({ queueId, messageId, popReceipt }: Lock): string {
  const which = createHash('sha256').update(`${messageId} ${popReceipt}`).digest('hex').slice(0, 32);
  return `${RENEWALS_PREFIX}${queueId}/${which}`;
}
