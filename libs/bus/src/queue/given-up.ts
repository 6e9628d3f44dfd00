import type { QueueDocument } from '@message-vault/metadata';
import { z } from 'zod';
import type { QueueContext } from './context.ts';
import { SmallDocuments } from './small-documents.ts';

/** Where it is written down: `queue-given-up/<queue id>/<id in the storage queue>`. */
export const GIVEN_UP_PREFIX = 'queue-given-up/';

const wishSchema = z.strictObject({
  /** Of the request that asks for it. */
  id: z.uuid(),
  reason: z.string(),
  /** Milliseconds since 1970. */
  at: z.int(),
});

/** Oldest first. */
const currentSchema = z.strictObject({ version: z.literal(2), wishes: z.tuple([wishSchema], wishSchema) });

/** Version 1 had one wish, without an id: nobody is left who would take it back. */
const firstSchema = wishSchema.omit({ id: true }).extend({ version: z.literal(1) });

const givenUpSchema = z.union([
  currentSchema,
  firstSchema.transform(({ reason, at }): z.infer<typeof currentSchema> => {
    return { version: 2, wishes: [{ id: '00000000-0000-0000-0000-000000000000', reason, at }] };
  }),
]);

/** Wishes of one message that are remembered: those of locks that are over are taken back at once. */
const MAX_WISHES = 16;

export type Wish = Readonly<z.infer<typeof wishSchema>>;
type GivenUp = z.infer<typeof givenUpSchema>;
/** Its storage queue is the label of the documents: whoever tidies up asks whether the message may still be there. */
type WhichQueue = Pick<QueueDocument, 'queueId' | 'queue'>;

/**
 * Messages a consumer wants dead-lettered, asked of a node that does not have them: storage gives a message to whoever
 * receives it next, not to whoever knows its id. So the wish is written down, and whoever receives the message fulfils it.
 */
export class GivenUpMessages {
  readonly #documents: SmallDocuments<GivenUp>;

  constructor({ documents }: Pick<QueueContext, 'documents'>) {
    this.#documents = new SmallDocuments<GivenUp>(documents, givenUpSchema);
  }

  /** The first one that stands. Errors: StorageError. */
  async find(queueId: string, messageId: string): Promise<Wish | undefined> {
    return (await this.#documents.get(pathOf(queueId, messageId)))?.wishes[0];
  }

  /** Those of others stand beside it: nobody knows yet whose lock is good. Errors: StorageError. */
  add({ queueId, queue }: WhichQueue, messageId: string, wish: Wish): Promise<void> {
    return this.#documents.change(pathOf(queueId, messageId), queue, (there) => {
      const wishes = there?.wishes ?? [];
      if (wishes.some(({ id }) => id === wish.id)) return 'as it is';
      const [first = wish, ...more] = [...wishes, wish].slice(-MAX_WISHES);
      return { version: 2, wishes: [first, ...more] };
    });
  }

  /** Takes back this one only: who asked for another may have been told that it is done. Errors: StorageError. */
  withdraw(
    { queueId, queue }: WhichQueue,
    messageId: string,
    { id: withdrawn }: Pick<Wish, 'id'>,
  ): Promise<void> {
    return this.#documents.change(pathOf(queueId, messageId), queue, (there) => {
      const wishes = there?.wishes ?? [];
      const [first, ...more] = wishes.filter(({ id }) => id !== withdrawn);
      if (1 + more.length === wishes.length && first !== undefined) return 'as it is';
      return first === undefined ? 'none' : { version: 2, wishes: [first, ...more] };
    });
  }

  remove(queueId: string, messageId: string): Promise<void> {
    return this.#documents.remove(pathOf(queueId, messageId));
  }
}

function pathOf(queueId: string, messageId: string): string {
  return `${GIVEN_UP_PREFIX}${queueId}/${messageId}`;
}
