import { encodeBatch, type Message } from '@message-vault/framing';
import type { QueueDocument } from '@message-vault/metadata';
import { isStorageError, StorageError } from '@message-vault/storage';
import type { QueueContext } from './context.ts';
import type { Disposal } from './disposal.ts';
import type { DeadLetterNote } from './envelope.ts';
import { isQueueError, QueueError } from './errors.ts';
import type { Outbox } from './outbox.ts';
import { inParallel } from './patience.ts';
import type { Screened, Screening } from './screening.ts';

/** A dead letter on its way back. */
export interface Redriven {
  /** The same as before. */
  readonly id: string;
  readonly message: Message;
  readonly deadLetter: DeadLetterNote | undefined;
  /** How many times it comes back, this time included. */
  readonly redrives: number;
}

/** Takes one message; it is removed from the dead letters when that resolves. */
export type TakeBack = (message: Redriven) => Promise<void>;

const MAX_AT_ONCE = 32;
const PARALLEL = 8;
/** How long those that are being moved are hidden from others. */
const HIDE_MS = 60_000;

export interface RedriveParts {
  readonly outbox: Outbox;
  readonly screening: Screening;
  readonly disposal: Disposal;
}

/**
 * Brings dead letters back, oldest first: each is put where it belongs before it is removed here, so whatever breaks off
 * in between, it is in one of the two places, or in both. Answers how many were moved; one that fails ends it, with
 * `moved` in the error. Errors: QueueError, StorageError, and what `takeBack` fails with.
 */
export async function redrive(
  context: QueueContext,
  parts: RedriveParts,
  how: { deadLetters: QueueDocument; takeBack: TakeBack; limit: number; signal: AbortSignal | undefined },
): Promise<number> {
  const { deadLetters, takeBack, signal } = how;
  const limit = Math.min(how.limit, context.limits.maxRedrive);
  let moved = 0;
  try {
    while (moved < limit && signal?.aborted !== true) {
      const max = Math.min(MAX_AT_ONCE, limit - moved);
      const found = await context.queues.receive(deadLetters.queue, { max, visibilityTimeoutMs: HIDE_MS });
      if (found.length === 0) break;
      const screened = await Promise.all(
        found.map((received) => parts.screening.screen(deadLetters, received)),
      );
      await moveAll(parts, { deadLetters, takeBack }, screened, () => {
        moved += 1;
      });
    }
  } catch (error) {
    throw withMoved(error, moved);
  }
  return moved;
}

/** Puts dead letters back into the queue they were given up by, past its limits: they have been let in before. */
export function backInto(
  queue: QueueDocument,
  { outbox }: Pick<RedriveParts, 'outbox'>,
  now: () => number,
): TakeBack {
  return ({ id, message, redrives }) =>
    outbox.sendOne(queue, {
      id,
      batch: encodeBatch({ messages: [message] }),
      enqueuedAt: now(),
      redrives,
      deadLetter: undefined,
      expiresAt: outbox.expiry(queue, undefined),
      delayMs: 0,
    });
}

async function moveAll(
  { disposal }: RedriveParts,
  { deadLetters, takeBack }: { deadLetters: QueueDocument; takeBack: TakeBack },
  screened: readonly (Screened | undefined)[],
  movedOne: () => void,
): Promise<void> {
  const left = new Set(screened.filter((each) => each !== undefined));
  try {
    await inParallel([...left], PARALLEL, async (each) => {
      const { id, deadLetter, redrives } = each.envelope;
      await takeBack({ id, message: each.message, deadLetter, redrives: redrives + 1 });
      left.delete(each);
      movedOne();
      each.release();
      await disposal.remove(deadLetters, each).catch((error: unknown) => {
        // It is back where it belongs; that it is still here as well makes it come back twice at worst.
        if (!isStorageError(error)) throw error;
      });
    });
  } finally {
    for (const each of left) each.release();
    await Promise.all([...left].map((each) => disposal.giveBack(deadLetters, each, 'at-once')));
  }
}

function withMoved(error: unknown, moved: number): unknown {
  if (isQueueError(error))
    return new QueueError(error.code, error.message, { ...error.details, moved }, error);
  if (!(error instanceof StorageError)) return error;
  if (error.code === 'not_found')
    return new QueueError('gone', 'the queue is gone from storage', { moved }, error);
  return new QueueError(
    'storage_unavailable',
    `the storage failed after ${moved} dead letters had been moved`,
    { moved, retryAfterMs: error.retryAfterMs ?? 1000 },
    error,
  );
}
