import { z } from 'zod';
import type { QueueContext } from './context.ts';
import { SmallDocuments } from './small-documents.ts';

/** Where it is written down: `queue-given-up/<queue id>/<id in the storage queue>`. */
export const GIVEN_UP_PREFIX = 'queue-given-up/';

const givenUpSchema = z.strictObject({
  version: z.literal(1),
  reason: z.string(),
  /** Milliseconds since 1970. */
  at: z.int(),
});

export type GivenUp = Readonly<z.infer<typeof givenUpSchema>>;

/**
 * Messages a consumer wants dead-lettered, asked of a node that does not have them: storage gives a message to whoever
 * receives it next, not to whoever knows its id. So the wish is written down, and whoever receives the message fulfils it.
 */
export class GivenUpMessages {
  /** By path, for who tidies up. */
  readonly documents: SmallDocuments<GivenUp>;

  constructor({ documents }: Pick<QueueContext, 'documents'>) {
    this.documents = new SmallDocuments<GivenUp>(documents, givenUpSchema);
  }

  /** Errors: StorageError. */
  find(queueId: string, messageId: string): Promise<GivenUp | undefined> {
    return this.documents.get(pathOf(queueId, messageId));
  }

  /** One that is there already stands. Errors: StorageError. */
  add(queueId: string, messageId: string, wish: { reason: string; at: number }): Promise<void> {
    return this.documents.set(pathOf(queueId, messageId), { version: 1, ...wish }, () => true);
  }

  /** Takes back the wish of that moment. One of another stays: whoever asked may have been told that it is done. */
  async withdraw(queueId: string, messageId: string, { at }: Pick<GivenUp, 'at'>): Promise<void> {
    const wish = await this.find(queueId, messageId);
    if (wish?.at === at) await this.remove(queueId, messageId);
  }

  remove(queueId: string, messageId: string): Promise<void> {
    return this.documents.remove(pathOf(queueId, messageId));
  }
}

function pathOf(queueId: string, messageId: string): string {
  return `${GIVEN_UP_PREFIX}${queueId}/${messageId}`;
}
