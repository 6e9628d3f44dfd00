import { isMembers, number, optionalInstant, optionalString, string } from '../answers.ts';
import { contentOf, MessageContent } from '../content.ts';
import { VaultClientError } from '../errors.ts';
import type { MessageLock } from './lock.ts';

/** Where a message of a dead-letter queue comes from. */
export interface DeadLetterInfo {
  readonly reason: string;
  /** The name it was dead-lettered from. */
  readonly source: string | undefined;
}

/** A message of a queue. */
export class QueueMessage extends MessageContent {
  /** The same each time it is given out. */
  readonly id: string;
  /** How often it has been given out, this time included. */
  readonly deliveryCount: number;
  /** Milliseconds since 1970. */
  readonly enqueuedAt: number | undefined;
  readonly deadLetter: DeadLetterInfo | undefined;

  /** `source`: its JSON text. Error: `bad_answer`. */
  constructor(source: string, members: Readonly<Record<string, unknown>>) {
    super(contentOf(source, members));
    this.id = string(members, 'id');
    this.deliveryCount = number(members, 'deliveryCount');
    this.enqueuedAt = optionalInstant(members, 'enqueuedAt');
    this.deadLetter = isMembers(members.deadLetter) ? deadLetterOf(members.deadLetter) : undefined;
  }
}

/** A message of a queue that is this consumer's for a while. */
export class ReceivedMessage extends QueueMessage {
  readonly lock: MessageLock;

  constructor(source: string, members: Readonly<Record<string, unknown>>, lock: MessageLock) {
    super(source, members);
    this.lock = lock;
  }
}

function deadLetterOf(members: Readonly<Record<string, unknown>>): DeadLetterInfo {
  return {
    reason: optionalString(members, 'reason') ?? '',
    source: optionalString(members, 'source'),
  };
}

/** The lock a message was given out with. Error: `bad_answer`. */
export function lockMembers(members: Readonly<Record<string, unknown>>): { id: string; until: number } {
  const { lock } = members;
  const until = isMembers(lock) ? optionalInstant(lock, 'until') : undefined;
  if (!isMembers(lock) || until === undefined)
    throw new VaultClientError('bad_answer', 'a message without a lock was answered');
  return { id: string(lock, 'id'), until };
}
