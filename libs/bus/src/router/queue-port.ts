import { type Message, parseMessageId } from '@message-vault/framing';
import type { ReadMessage } from '@message-vault/log';
import { deadLetterOf } from '@message-vault/metadata';
import { isQueueError } from '../queue/errors.ts';
import type { Queues } from '../queue/queues.ts';
import type { DeliveryResult } from './delivery.ts';
import type { QueuePort } from './ports.ts';
import { reasonOf } from './pump.ts';

/** Queues as a router uses them. */
export function queuePort(queues: Pick<Queues, 'enqueue' | 'deadLetter' | 'redrive' | 'stats'>): QueuePort {
  return {
    async deliver(queue, message): Promise<DeliveryResult> {
      try {
        await queues.enqueue(queue, [message], { ids: [message.id] });
        return { outcome: 'delivered' };
      } catch (error) {
        return refusalOf(error);
      }
    },
    deadLetter: (router, message, { reason, source }) =>
      queues.deadLetter(deadLetterOf(router), message, {
        id: message.id,
        reason,
        source: sourceOf(router.name, source),
      }),
    async redrive(router, limit, again) {
      let moved = 0;
      const takeBack = async (letter: Letter): Promise<void> => {
        const subscriptionId = letter.deadLetter?.source.split(SUBSCRIPTIONS).at(1);
        if (!(await again(placed(letter), subscriptionId))) throw new NotTaken();
        moved += 1;
      };
      try {
        await queues.redrive(deadLetterOf(router), takeBack, { limit });
      } catch (error) {
        if (!(error instanceof NotTaken)) throw error;
      }
      return moved;
    },
    countDeadLetters: async (router) => (await queues.stats(deadLetterOf(router))).depth,
  };
}

interface Letter {
  readonly id: string;
  readonly message: Message;
  readonly deadLetter: { readonly source: string } | undefined;
}

/** A dead letter stays where it is, and with it those that come after. */
class NotTaken extends Error {}

const SUBSCRIPTIONS = '/-/subscriptions/';

/** The path of the subscription that gave the message up. */
function sourceOf(router: string, subscriptionId: string): string {
  return `${router}${SUBSCRIPTIONS}${subscriptionId}`;
}

/** What is known of a dead letter's place in the stream it came in by: its id tells all but the offset. */
function placed({ id, message }: Letter): ReadMessage {
  const { timestamp, sequenceNumber } = parseMessageId(id);
  return { ...message, id, timestamp, sequenceNumber, offset: 0 };
}

function refusalOf(error: unknown): DeliveryResult {
  const reason = reasonOf(error);
  if (isQueueError(error, 'too_large')) return { outcome: 'refused', reason };
  const afterMs = isQueueError(error) ? error.details.retryAfterMs : undefined;
  return { outcome: 'retry', reason, afterMs };
}
