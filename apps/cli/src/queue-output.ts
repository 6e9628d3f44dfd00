import type { QueueMessage } from '@message-vault/client';
import type { MessageLook } from './message-output.ts';
import { printable, timeText } from './text.ts';

/** A message of a queue, with its lock while somebody holds it. */
type Shown = QueueMessage & { readonly lock?: { readonly id: string; readonly until: number } | undefined };

export function queueLook({ withLock }: { withLock: boolean }): MessageLook<Shown> {
  return {
    members: ({ id, deliveryCount, enqueuedAt, deadLetter, lock }) => ({
      id,
      deliveryCount,
      enqueuedAt,
      ...(deadLetter === undefined ? {} : { deadLetter }),
      ...(withLock && lock !== undefined ? { lock: { id: lock.id, until: lock.until } } : {}),
    }),
    lead: ({ id, enqueuedAt, deliveryCount, deadLetter, lock }) => [
      id,
      timeText(enqueuedAt),
      ...(deliveryCount > 1 ? [`(${deliveryCount} times)`] : []),
      ...(deadLetter === undefined ? [] : [`[${printable(deadLetter.reason)}]`]),
      ...(withLock && lock !== undefined ? [`lock ${lock.id}`] : []),
    ],
  };
}
