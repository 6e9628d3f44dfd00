import { encodeBatch, type Message, type ProducerIdentity } from '@message-vault/framing';
import type { QueueDocument } from '@message-vault/metadata';
import { isStorageError, StorageError } from '@message-vault/storage';
import type { Bodies } from './bodies.ts';
import { announce, type QueueContext } from './context.ts';
import type { Depths } from './depth.ts';
import { type DeadLetterNote, type Envelope, encodeEnvelope, inlineRoom } from './envelope.ts';
import { QueueError } from './errors.ts';
import { messageIds } from './message-ids.ts';
import { inParallel, type Patience, patiently } from './patience.ts';
import { Room } from './room.ts';

export interface EnqueueOptions {
  /** How long nobody is to see the messages. */
  readonly delayMs?: number | undefined;
  /** After this they are gone unless somebody has them under lock; never longer than the policy's `maxMessageAge`. */
  readonly timeToLiveMs?: number | undefined;
  /** One for each message, UUIDs. The same message sent again under its id can be told by its consumer. */
  readonly ids?: readonly string[] | undefined;
  /** Makes ids that are the same when the same batch is sent again. */
  readonly producer?: ProducerIdentity | undefined;
}

export interface Enqueued {
  /** Of the messages that are in the queue, in order. */
  readonly messageIds: readonly string[];
  /** Messages the policy's overflow rule threw away: those at the end. */
  readonly discarded: number;
}

/** One message about to be sent; `note` makes it a dead letter. */
export interface Outgoing {
  readonly id: string;
  readonly batch: Uint8Array;
  readonly enqueuedAt: number;
  readonly redrives: number;
  readonly deadLetter: DeadLetterNote | undefined;
  readonly expiresAt: number | undefined;
  readonly delayMs: number;
}

/**
 * A message leaves storage this much later than it expires, besides one lock's time: whoever took it just before is to
 * be able to acknowledge it.
 */
const LINGER_MS = 30_000;
/** Milliseconds since 1970: what expires after the year 9999, which no date in an answer can tell, never does. */
const LATEST_EXPIRY = Date.UTC(9999, 0, 1);
/** Longest time to live storage can be told: what is longer is for ever. */
const MAX_STORAGE_TTL_MS = (2 ** 31 - 1) * 1000;

/** Puts messages into queues. */
export class Outbox {
  readonly #context: QueueContext;
  readonly #bodies: Bodies;
  readonly #room: Room;

  constructor(context: QueueContext, parts: { bodies: Bodies; depths: Depths }) {
    this.#context = context;
    this.#bodies = parts.bodies;
    this.#room = new Room(context, parts);
  }

  /** Errors: QueueError. What it says of `enqueued` and `unknown` is all that is known of a request that failed. */
  async enqueue(
    document: QueueDocument,
    messages: readonly Message[],
    options: EnqueueOptions,
  ): Promise<Enqueued> {
    this.#check(document, messages, options);
    const outgoing = this.#prepare(document, messages, options);
    const sizes = messages.map(({ value }) => value.byteLength);
    const room = await this.#room.take(document, sizes);
    const sent = new Set<number>();
    try {
      await this.#sendAll(document, outgoing.slice(0, room.fits), sent);
    } catch (error) {
      room.giveBack(sizes.slice(0, room.fits).filter((_, index) => !sent.has(index)));
      throw error;
    }
    const messageIds = outgoing.slice(0, room.fits).map(({ id }) => id);
    this.#context.counted?.('enqueued', room.fits);
    if (room.fits < messages.length) this.#context.counted?.('discarded', messages.length - room.fits);
    return { messageIds, discarded: messages.length - room.fits };
  }

  /** Sends one, whatever the queue's limits say: dead letters and what comes back from them. Errors: StorageError. */
  async sendOne(document: QueueDocument, outgoing: Outgoing): Promise<void> {
    await this.#send(document, outgoing);
    announce(this.#context, document.queueId);
  }

  /** When a message enqueued now expires by the policy and what was asked for. */
  expiry({ policy }: QueueDocument, timeToLiveMs: number | undefined): number | undefined {
    const livesMs = Math.min(
      timeToLiveMs ?? Number.POSITIVE_INFINITY,
      policy.maxMessageAgeMs ?? Number.POSITIVE_INFINITY,
    );
    const expiresAt = this.#context.runtime.now() + livesMs;
    return expiresAt > LATEST_EXPIRY ? undefined : expiresAt;
  }

  #check({ policy }: QueueDocument, messages: readonly Message[], options: EnqueueOptions): void {
    const { maxBatchMessages, maxDelayMs } = this.#context.limits;
    if (messages.length > maxBatchMessages)
      throw new QueueError(
        'too_many_messages',
        `a request may bring ${maxBatchMessages} messages to a queue, not ${messages.length}`,
        { limit: maxBatchMessages },
      );
    for (const { value } of messages) {
      if (value.byteLength > policy.maxMessageSize)
        throw tooLarge(
          `a message of this queue may have ${policy.maxMessageSize} bytes, not ${value.byteLength}`,
          policy.maxMessageSize,
        );
    }
    const { delayMs = 0, timeToLiveMs = Number.POSITIVE_INFINITY } = options;
    const livesMs = Math.min(timeToLiveMs, policy.maxMessageAgeMs ?? Number.POSITIVE_INFINITY);
    if (delayMs > maxDelayMs)
      throw new QueueError('bad_times', `a delay is at most ${maxDelayMs} ms, not ${delayMs}`);
    if (!(livesMs > delayMs))
      throw new QueueError(
        'bad_times',
        `a message that lives ${livesMs} ms would be gone before its delay of ${delayMs} ms is over`,
      );
  }

  #prepare(document: QueueDocument, messages: readonly Message[], options: EnqueueOptions): Outgoing[] {
    const { runtime } = this.#context;
    const ids = options.ids ?? messageIds(runtime, document.queueId, messages.length, options.producer);
    const shared = {
      enqueuedAt: runtime.now(),
      redrives: 0,
      deadLetter: undefined,
      expiresAt: this.expiry(document, options.timeToLiveMs),
      delayMs: options.delayMs ?? 0,
    };
    return messages.map((message, index) => ({
      ...shared,
      id: ids[index] ?? messageIds(runtime, document.queueId, 1, undefined).join(),
      batch: encodeBatch({ messages: [message] }),
    }));
  }

  async #sendAll(document: QueueDocument, outgoing: readonly Outgoing[], sent: Set<number>): Promise<void> {
    let unknown = 0;
    const failures: unknown[] = [];
    const one = async (message: Outgoing, index: number): Promise<void> => {
      try {
        await this.#send(document, message);
        sent.add(index);
        if (message.delayMs === 0) announce(this.#context, document.queueId);
      } catch (error) {
        if (isStorageError(error, 'outcome_unknown')) unknown += 1;
        failures.push(error);
        throw error;
      }
    };
    await inParallel(outgoing, this.#context.limits.sendParallel, one).catch((error: unknown) => {
      throw failed(document, failures, { enqueued: sent.size, unknown, of: outgoing.length }) ?? error;
    });
  }

  /** The body first, if it needs a place of its own. One whose message certainly was not sent is taken back. */
  async #send(document: QueueDocument, outgoing: Outgoing): Promise<void> {
    const { queues, runtime, limits } = this.#context;
    const patience: Patience = { runtime, until: runtime.monotonic() + limits.sendForMs };
    const goneAt = goneAtOf(document, outgoing.expiresAt);
    const { bodyId, envelope } = await this.#wrap(document, outgoing, { goneAt, patience });
    const times = { delayMs: outgoing.delayMs, timeToLiveMs: storageTimeToLive(goneAt, runtime.now()) };
    try {
      await patiently(patience, false, () => queues.send(document.queue, envelope, times));
    } catch (error) {
      if (!isStorageError(error, 'outcome_unknown')) await this.#bodies.remove(document.container, bodyId);
      throw error;
    }
  }

  async #wrap(
    document: QueueDocument,
    { batch, ...outgoing }: Outgoing,
    how: { goneAt: number | undefined; patience: Patience },
  ): Promise<{ bodyId: string | undefined; envelope: Uint8Array }> {
    const envelope: Omit<Envelope, 'body'> = { ...outgoing, uncounted: 0 };
    if (batch.byteLength <= inlineRoom(envelope))
      return { bodyId: undefined, envelope: encodeEnvelope({ ...envelope, body: { batch } }) };
    const bodyId = await patiently(how.patience, true, () => this.#bodies.put(document, batch, how.goneAt));
    return {
      bodyId,
      envelope: encodeEnvelope({ ...envelope, body: { bodyId, byteLength: batch.byteLength } }),
    };
  }
}

/** When a message that expires then has left storage for certain. */
function goneAtOf({ policy }: QueueDocument, expiresAt: number | undefined): number | undefined {
  return expiresAt === undefined ? undefined : expiresAt + policy.lockDurationMs + LINGER_MS;
}

function storageTimeToLive(goneAt: number | undefined, now: number): number | undefined {
  const livesMs = goneAt === undefined ? Number.POSITIVE_INFINITY : goneAt - now;
  return livesMs > MAX_STORAGE_TTL_MS ? undefined : livesMs;
}

function tooLarge(message: string, limit: number): QueueError {
  return new QueueError('too_large', message, { limit });
}

/** What is known of a request of which something failed; undefined for what is no expected failure. */
function failed(
  { name }: QueueDocument,
  failures: readonly unknown[],
  known: { enqueued: number; unknown: number; of: number },
): QueueError | undefined {
  if (!failures.every((failure) => failure instanceof StorageError)) return undefined;
  const { enqueued, unknown, of } = known;
  const details = { enqueued, unknown, retryAfterMs: 1000 };
  const first = failures[0];
  if (failures.some((failure) => isStorageError(failure, 'not_found')))
    return new QueueError('gone', `${name} is gone from storage`, details, first);
  if (failures.some((failure) => isStorageError(failure, 'invalid_request', 'receipt_lost')))
    return undefined;
  const counts = `${enqueued} of ${of} messages are in the queue`;
  if (unknown > 0)
    return new QueueError('outcome_unknown', `${counts}, and ${unknown} more may be`, details, first);
  return new QueueError(
    'storage_unavailable',
    `the storage does not take more now: ${counts}, the others are not`,
    details,
    first,
  );
}
