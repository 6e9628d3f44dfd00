import { type Message, parseMessageId } from '@message-vault/framing';
import type { ReadMessage } from '@message-vault/log';
import { deadLetterOf } from '@message-vault/metadata';
import { messageOf } from '@message-vault/runtime';
import { isQueueError } from '../queue/errors.ts';
import type { Queues } from '../queue/queues.ts';
import type { DeliveryResult } from './delivery.ts';
import type { QueuePort } from './ports.ts';

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
    redrive(router, limit, again) {
      const misses = new Map<string | undefined, number>();
      return queues.redrive(deadLetterOf(router), (letter) => takeBack(letter, again, misses), { limit });
    },
    countDeadLetters: async (router) => (await queues.stats(deadLetterOf(router))).depth,
  };
}

interface Letter {
  readonly id: string;
  readonly message: Message;
  readonly deadLetter: { readonly source: string } | undefined;
}

/** So many dead letters are offered to a subscriber that takes none, in one redrive: each may cost it a time-out. */
const MAX_MISSES = 3;

/** A dead letter that is not taken stays where it is. */
async function takeBack(
  letter: Letter,
  again: Parameters<QueuePort['redrive']>[2],
  misses: Map<string | undefined, number>,
): Promise<'taken' | 'kept'> {
  const subscriptionId = letter.deadLetter?.source.split(SUBSCRIPTIONS).at(1);
  const missed = misses.get(subscriptionId) ?? 0;
  if (missed >= MAX_MISSES) return 'kept';
  if (await again(placed(letter), subscriptionId)) return 'taken';
  misses.set(subscriptionId, missed + 1);
  return 'kept';
}

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
  const reason = messageOf(error);
  if (isQueueError(error, 'too_large')) return { outcome: 'refused', reason };
  const afterMs = isQueueError(error) ? error.details.retryAfterMs : undefined;
  return { outcome: 'retry', reason, afterMs };
}
