import { encodeBatch, type Message } from '@message-vault/framing';
import type { QueueDocument } from '@message-vault/metadata';
import { isStorageError, StorageError } from '@message-vault/storage';
import type { QueueContext } from './context.ts';
import { BODY_GONE, type Disposal, type Held } from './disposal.ts';
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

/** Takes one message, which is then removed from the dead letters; `kept` for one that is to stay among them. */
export type TakeBack = (message: Redriven) => Promise<'taken' | 'kept'>;

const MAX_AT_ONCE = 32;
const PARALLEL = 8;
/** How long those that are being moved are hidden from others. */
const HIDE_MS = 60_000;
/** Dead letters kept that a redrive passes over, at most: they stay hidden, and in memory, until it ends. */
const MAX_KEPT = 256;

export interface RedriveParts {
  readonly outbox: Outbox;
  readonly screening: Screening;
  readonly disposal: Disposal;
}

interface Move {
  readonly deadLetters: QueueDocument;
  readonly takeBack: TakeBack;
  moved: number;
  readonly kept: Held[];
}

/**
 * Brings dead letters back, oldest first: each is put where it belongs before it is removed here, so whatever breaks off
 * in between, it is in one of the two places, or in both. Those that are kept don't stand in the way of others, but count
 * for `limit`. Answers how many were moved; one that fails ends it, with `moved` in the error. Errors: QueueError, StorageError, and what `takeBack` fails with.
 */
export async function redrive(
  context: QueueContext,
  parts: RedriveParts,
  how: { deadLetters: QueueDocument; takeBack: TakeBack; limit: number; signal: AbortSignal | undefined },
): Promise<number> {
  const { deadLetters, takeBack, signal } = how;
  const limit = Math.min(how.limit, context.limits.maxRedrive);
  const move: Move = { deadLetters, takeBack, moved: 0, kept: [] };
  try {
    while (signal?.aborted !== true) {
      const max = Math.min(MAX_AT_ONCE, limit - move.moved - move.kept.length, MAX_KEPT - move.kept.length);
      if (max <= 0) break;
      const found = await context.queues.receive(deadLetters.queue, { max, visibilityTimeoutMs: HIDE_MS });
      if (found.length === 0) break;
      const screened = await Promise.all(
        found.map((received) => parts.screening.screen(deadLetters, received)),
      );
      await moveAll(parts, move, screened);
    }
  } catch (error) {
    throw withMoved(error, move.moved);
  } finally {
    await giveBackAll(parts, deadLetters, move.kept);
  }
  return move.moved;
}

/** Puts dead letters back into the queue they were given up by, past its limits: they have been let in before. */
export function backInto(
  queue: QueueDocument,
  { outbox }: Pick<RedriveParts, 'outbox'>,
  now: () => number,
): TakeBack {
  return async ({ id, message, redrives }) => {
    await outbox.sendOne(queue, {
      id,
      batch: encodeBatch({ messages: [message] }),
      enqueuedAt: now(),
      redrives,
      deadLetter: undefined,
      expiresAt: outbox.expiry(queue, undefined),
      delayMs: 0,
    });
    return 'taken';
  };
}

async function moveAll(
  parts: RedriveParts,
  move: Move,
  screened: readonly (Screened | undefined)[],
): Promise<void> {
  const { deadLetters, takeBack, kept } = move;
  const left = new Set(screened.filter((each) => each !== undefined));
  try {
    await inParallel([...left], PARALLEL, async (each) => {
      const { receipt, envelope } = each;
      const { id, deadLetter, redrives } = envelope;
      const became = isHollow(each)
        ? 'kept'
        : await takeBack({ id, message: each.message, deadLetter, redrives: redrives + 1 });
      left.delete(each);
      each.release();
      if (became === 'kept') return void kept.push({ receipt, envelope });
      move.moved += 1;
      await parts.disposal.remove(deadLetters, each).catch((error: unknown) => {
        // It is back where it belongs; that it is still here as well makes it come back twice at worst.
        if (!isStorageError(error)) throw error;
      });
    });
  } finally {
    for (const each of left) each.release();
    await giveBackAll(parts, deadLetters, [...left]);
  }
}

/** What stands for a message whose body is gone: there is nothing to bring back. */
function isHollow({ envelope: { deadLetter }, message: { value } }: Screened): boolean {
  return value.byteLength === 0 && deadLetter?.reason.startsWith(BODY_GONE) === true;
}

async function giveBackAll(
  { disposal }: RedriveParts,
  deadLetters: QueueDocument,
  held: readonly Held[],
): Promise<void> {
  await inParallel(held, PARALLEL, (each) => disposal.giveBack(deadLetters, each, 'at-once'));
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
