import type { Limits } from '@message-vault/metadata';
import type { Runtime } from '@message-vault/runtime';
import type { BodyStore, DocumentStore, QueueStore } from '@message-vault/storage';
import type { Wakeup } from '@message-vault/wakeup';

/** Where queues tell what an operator may want to know; a pino logger fits. */
export interface QueueLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What happens to messages, for metrics. `returned`: fetched, and given back since it reached nobody. */
export type QueueEvent =
  | 'enqueued'
  | 'delivered'
  | 'acknowledged'
  | 'dead_lettered'
  | 'dropped'
  | 'discarded'
  | 'expired'
  | 'returned';

/** What all parts of the queues stand on. */
export interface QueueContext {
  readonly queues: QueueStore;
  readonly bodies: BodyStore;
  readonly documents: DocumentStore;
  readonly runtime: Runtime;
  /** Queues are told apart by their ids: "something came" is all that is ever said of one. */
  readonly wakeup: Pick<Wakeup, 'announce' | 'subscribe'>;
  readonly logger: QueueLogger;
  readonly limits: Limits['queue'];
  /** Told of every message something happened to at this node. */
  readonly counted?: ((event: QueueEvent, messages: number) => void) | undefined;
}

/** There is no tail to tell of: any number is a hint. */
const SOMETHING = 1;

/** Wakes whoever waits at the queue, on this node at once and on others if there is a way to reach them. */
export function announce({ wakeup }: QueueContext, queueId: string): void {
  wakeup.announce(queueId, SOMETHING);
}
