import type { QueueDocument } from '@message-vault/metadata';
import { randomUuid, sleep } from '@message-vault/runtime';
import { isStorageError, type MessageReceipt } from '@message-vault/storage';
import type { Bodies } from './bodies.ts';
import type { ClusterSecret } from './cluster-secret.ts';
import { announce, type QueueContext } from './context.ts';
import type { Depths } from './depth.ts';
import type { Disposal } from './disposal.ts';
import { QueueError } from './errors.ts';
import type { GivenUpMessages } from './given-up.ts';
import { decodeLockId, encodeLockId, type Lock, notOurs } from './lock-id.ts';
import type { Taken } from './poller.ts';
import { Remembered } from './remembered.ts';
import type { Renewal, Renewals } from './renewals.ts';
import type { Screening } from './screening.ts';

export interface LocksParts {
  readonly secret: ClusterSecret;
  readonly renewals: Renewals;
  readonly givenUp: GivenUpMessages;
  readonly disposal: Disposal;
  readonly screening: Screening;
  readonly bodies: Bodies;
  readonly depths: Depths;
}

/** A receipt that is good as far as is known, and until when. */
interface Standing extends MessageReceipt {
  readonly until: number;
  readonly renewed: boolean;
  /** How often. */
  readonly count: number;
}

/** What came of a call with a receipt. `unknown`: refused within its time, after a try that may have done it. */
type Tried = 'done' | 'refused' | { readonly unknown: unknown };

/** A call was made with a receipt that held or, if there is a `doubt`, perhaps was. */
interface Called {
  /** The lock, ever. */
  readonly renewed: boolean;
  readonly doubt?: unknown;
}

/** While a message is moved to the dead letters its lock is not to run out. */
const MOVE_MS = 30_000;
/** A call whose answer was lost is made again so often: what the storage says then tells whether it was done. */
const TRIES = 3;
/** Between two looks for a renewal that another call has made in storage and is about to write down. */
const LOOK_AGAIN_AFTER_MS: readonly number[] = [20, 40, 80, 160, 320];

/**
 * What consumers do with messages they hold. Nothing is kept of a lock but what its id says and, once it was renewed, a
 * small document; so any node can do all of it. Errors of all: QueueError `lock_lost`, StorageError.
 */
export class Locks {
  readonly #context: QueueContext;
  readonly #parts: LocksParts;
  readonly #remembered: Remembered;

  constructor(context: QueueContext, parts: LocksParts) {
    this.#context = context;
    this.#parts = parts;
    this.#remembered = new Remembered(context.limits.rememberedBytes);
  }

  /** The id a consumer holds a message by, and until when. */
  async give(document: QueueDocument, taken: Taken): Promise<{ id: string; until: number }> {
    const { receipt, envelope, delivery } = taken;
    const [secret] = await this.#parts.secret.get();
    const bodyId = 'bodyId' in envelope.body ? envelope.body.bodyId : undefined;
    // The clock may have been put back since the message was taken: by that clock it is not held for so long.
    const until = Math.min(taken.until, this.#context.runtime.now() + document.policy.lockDurationMs);
    const { lockDurationMs: lastsMs } = document.policy;
    const lock: Lock = { queueId: document.queueId, until, lastsMs, delivery, ...receipt, bodyId };
    this.#remembered.add(lock, envelope);
    return { id: encodeLockId(lock, secret), until };
  }

  /** Reads an id without asking anybody whether the lock still holds. Errors: QueueError `lock_lost`, StorageError. */
  async read(document: QueueDocument, id: string): Promise<Lock> {
    const { secret } = this.#parts;
    const lock =
      decodeLockId(id, document.queueId, await secret.get()) ??
      decodeLockId(id, document.queueId, await secret.latest());
    if (lock === undefined) throw notOurs();
    return lock;
  }

  /** The message has been dealt with: it is gone. */
  async acknowledge(document: QueueDocument, id: string): Promise<void> {
    const lock = await this.read(document, id);
    await this.#settle(lock, (receipt) => this.#context.queues.delete(document.queue, receipt));
    this.#parts.depths.removed(document.queue, 1);
    await this.#parts.bodies.remove(document.container, lock.bodyId);
  }

  /** The message is for others, now or after a while. One that has been delivered as often as it may be is given up at once. */
  async giveBack(document: QueueDocument, id: string, delayMs: number): Promise<void> {
    const lock = await this.read(document, id);
    const envelope = this.#remembered.get(lock);
    const isLast = lock.delivery > document.policy.maxDequeueRetries && document.deadLetterOf === undefined;
    if (isLast && envelope !== undefined) {
      const receipt = await this.#hold(document, lock);
      await this.#parts.screening.poison(document, { receipt, envelope });
      return;
    }
    await this.#settle(lock, (receipt) =>
      this.#context.queues.update(document.queue, receipt, { visibilityTimeoutMs: delayMs }),
    );
    if (delayMs === 0) announce(this.#context, document.queueId);
  }

  /**
   * The same id holds the message for another lock's time from now, and never for less long than before: the consumer may
   * not get to hear of it. What ends later than it was given for does not count: one of the clocks was wrong. Answers
   * until when, milliseconds since 1970.
   */
  async renew(document: QueueDocument, id: string): Promise<number> {
    const { runtime, queues } = this.#context;
    const lock = await this.read(document, id);
    const { lockDurationMs } = document.policy;
    let renewed = { popReceipt: '', until: 0, count: 0 };
    let lastsMs = 0;
    const { doubt } = await this.#whileHeld(lock, async (standing) => {
      // Counted from before the call: the storage hides the message a little longer than we say.
      const now = runtime.now();
      // An end further away than the lock was long is one by a clock that was wrong, this node's or another's.
      const before = Math.min(standing.until, now + (lock.lastsMs ?? lockDurationMs));
      const until = Math.max(now + lockDurationMs, before);
      lastsMs = until - now;
      const { popReceipt } = await queues.update(document.queue, standing, { visibilityTimeoutMs: lastsMs });
      renewed = { popReceipt, until, count: standing.count + 1 };
    });
    // Perhaps renewed, with a receipt nobody knows.
    if (doubt !== undefined) throw lost();
    await this.#parts.renewals.save(lock, renewed, lastsMs);
    return renewed.until;
  }

  /** The message can't be dealt with: it goes to the dead letters, with the reason. */
  async deadLetter(document: QueueDocument, id: string, reason: string): Promise<void> {
    if (document.deadLetterOf !== undefined)
      throw new QueueError(
        'no_dead_letter',
        `${document.name} holds dead letters: they have nowhere else to go`,
      );
    const lock = await this.read(document, id);
    const envelope = this.#remembered.get(lock);
    if (envelope === undefined) return await this.#giveUp(document, lock, reason);
    const receipt = await this.#hold(document, lock);
    await this.#parts.disposal.deadLetter(document, { receipt, envelope }, reason);
  }

  /** This node does not have the message: the wish is written down, and whoever receives it next fulfils it. */
  async #giveUp(document: QueueDocument, lock: Lock, reason: string): Promise<void> {
    const { queues, runtime } = this.#context;
    const { givenUp } = this.#parts;
    // The wish of a lock that is over might be fulfilled before it is taken back.
    await this.#whileHeld(lock, async () => {});
    const wish = { id: randomUuid(runtime), reason, at: runtime.now() };
    await givenUp.add(document, lock.messageId, wish);
    try {
      await this.#settle(lock, (receipt) =>
        queues.update(document.queue, receipt, { visibilityTimeoutMs: 0 }),
      );
    } catch (error) {
      if (error instanceof QueueError) await givenUp.withdraw(document, lock.messageId, wish);
      throw error;
    }
    await this.#fulfil(document, lock.messageId);
  }

  /** If the message is among the first, at once; it is dealt with when it is received otherwise. */
  async #fulfil(document: QueueDocument, messageId: string): Promise<void> {
    const { queues } = this.#context;
    const { screening, disposal } = this.#parts;
    const first = await queues.receive(document.queue, { max: 32, visibilityTimeoutMs: MOVE_MS });
    await Promise.all(
      first.map(async (received) => {
        const screened = await screening.screen(document, received);
        screened?.release();
        if (screened !== undefined) await disposal.giveBack(document, screened, 'at-once');
      }),
    );
    if (!first.some((received) => received.messageId === messageId))
      announce(this.#context, document.queueId);
  }

  /** Takes the lock over for what is done with the message now. Its id is worth nothing any more. */
  async #hold(document: QueueDocument, lock: Lock): Promise<MessageReceipt> {
    let popReceipt = '';
    const { renewed, doubt } = await this.#whileHeld(lock, async (receipt) => {
      ({ popReceipt } = await this.#context.queues.update(document.queue, receipt, {
        visibilityTimeoutMs: MOVE_MS,
      }));
    });
    await this.#forget(lock, renewed);
    // Perhaps taken over, with a receipt nobody knows: the message comes back by itself.
    if (doubt !== undefined) throw lost();
    return { messageId: lock.messageId, popReceipt };
  }

  /** Does something that ends the lock, and forgets it. */
  async #settle(lock: Lock, call: (receipt: MessageReceipt) => Promise<unknown>): Promise<void> {
    const { renewed, doubt } = await this.#whileHeld(lock, call);
    if (doubt !== undefined) throw doubt;
    await this.#forget(lock, renewed);
  }

  async #forget(lock: Lock, renewed: boolean): Promise<void> {
    this.#remembered.take(lock);
    await this.#parts.renewals.forget(lock, renewed);
  }

  /**
   * Makes `call` with a receipt that holds. First with what this node knows; a receipt that is refused, or late, may have
   * been replaced by a renewal.
   */
  async #whileHeld(lock: Lock, call: (standing: Standing) => Promise<unknown>): Promise<Called> {
    let standing = standingOf(lock, this.#parts.renewals.remembered(lock));
    for (let renewals = 0; renewals <= LOOK_AGAIN_AFTER_MS.length; renewals += 1) {
      const outcome = this.#isOver(standing) ? 'refused' : await this.#tried(standing, call);
      const { renewed } = standing;
      if (outcome === 'done') return { renewed };
      const doubt = outcome === 'refused' ? undefined : outcome.unknown;
      const newer = await this.#newer(lock, standing).catch((error: unknown) => {
        throw doubt ?? error;
      });
      // The try without an answer was done, or a node renewed the lock and died before it wrote that down.
      if (newer === undefined && doubt !== undefined) return { renewed, doubt };
      if (newer === undefined) throw lost();
      standing = newer;
    }
    throw lost();
  }

  /**
   * What took the place of a receipt. Whoever renews has the new one from storage a moment before it is written down, so
   * one that is refused within its time is looked after for a while: the consumer still holds the message.
   */
  async #newer(lock: Lock, old: Standing): Promise<Standing | undefined> {
    for (const pauseMs of [...LOOK_AGAIN_AFTER_MS, undefined]) {
      const renewal = await this.#parts.renewals.read(lock);
      // This node may know of one that is still to be written down: what is there until then is out of date.
      const isOther = renewal !== undefined && renewal.popReceipt !== old.popReceipt;
      if (isOther && renewal.count >= old.count) return standingOf(lock, renewal);
      if (pauseMs === undefined || this.#isOver(old)) break;
      await sleep(this.#context.runtime, pauseMs);
    }
    return undefined;
  }

  async #tried(standing: Standing, call: (standing: Standing) => Promise<unknown>): Promise<Tried> {
    let unknown: unknown;
    for (let tries = 1; ; tries += 1) {
      try {
        await call(standing);
        return 'done';
      } catch (error) {
        if (isStorageError(error, 'receipt_lost'))
          return unknown !== undefined && !this.#isOver(standing) ? { unknown } : 'refused';
        // What is refused now may have been done before.
        if (!isStorageError(error, 'outcome_unknown')) throw unknown ?? error;
        unknown = error;
        if (tries === TRIES || this.#isOver(standing)) throw error;
      }
    }
  }

  #isOver({ until }: Pick<Standing, 'until'>): boolean {
    return until <= this.#context.runtime.now();
  }
}

function standingOf({ messageId, popReceipt, until }: Lock, renewal: Renewal | undefined): Standing {
  return { messageId, popReceipt, until, count: 0, ...renewal, renewed: renewal !== undefined };
}

function lost(): QueueError {
  return new QueueError('lock_lost', 'the lock is over: somebody else may have the message by now');
}
