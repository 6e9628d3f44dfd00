import { encodeBatch } from '@message-vault/framing';
import { deadLetterOf, type QueueDocument } from '@message-vault/metadata';
import { isStorageError, type MessageReceipt } from '@message-vault/storage';
import type { Bodies } from './bodies.ts';
import { announce, type QueueContext } from './context.ts';
import type { Depths } from './depth.ts';
import { type Envelope, encodeEnvelope } from './envelope.ts';
import { QueueError } from './errors.ts';
import { messageIds } from './message-ids.ts';
import type { Outbox, Outgoing } from './outbox.ts';

/** A message that was received from storage and is still held by this receipt. */
export interface Held {
  readonly receipt: MessageReceipt;
  readonly envelope: Envelope;
}

/** Why a dead letter is empty, at the beginning of its reason. */
export const BODY_GONE = 'its body is gone';
/** A message that can't be given out for this long, for want of storage, is seen again after it. */
const RETURN_AFTER_MS = 1000;
/** Nodes of two versions work side by side while a cluster is being upgraded: how long an older one leaves a message alone. */
const LEFT_FOR_MS = 30_000;

/** What becomes of messages that are not given to a consumer, or come back from one. */
export class Disposal {
  readonly #context: QueueContext;
  readonly #outbox: Outbox;
  readonly #bodies: Bodies;
  readonly #depths: Depths;

  constructor(context: QueueContext, parts: { outbox: Outbox; bodies: Bodies; depths: Depths }) {
    this.#context = context;
    this.#outbox = parts.outbox;
    this.#bodies = parts.bodies;
    this.#depths = parts.depths;
  }

  /**
   * Moves a message to the dead letters, with a copy of its body. Put there before it is taken away here: what breaks off
   * in between happens again, and the message may be among the dead letters twice, under one id.
   * Errors: StorageError, QueueError `no_dead_letter`.
   */
  async deadLetter(document: QueueDocument, held: Held, reason: string): Promise<void> {
    const target = deadLettersOf(document);
    const { body, ...envelope } = held.envelope;
    const note = { reason, source: document.name };
    const outgoing: Omit<Outgoing, 'batch'> = {
      ...envelope,
      deadLetter: note,
      expiresAt: undefined,
      delayMs: 0,
    };
    if ('batch' in body) {
      await this.#outbox.sendOne(target, { ...outgoing, batch: body.batch });
    } else {
      const loaded = await this.#bodies.load(document.container, body.bodyId, body.byteLength);
      const batch = loaded?.bytes ?? emptyBatch();
      const deadLetter = loaded === undefined ? { ...note, reason: withoutBody(reason) } : note;
      await this.#outbox.sendOne(target, { ...outgoing, deadLetter, batch }).finally(() => loaded?.release());
    }
    await this.remove(document, held);
    this.#context.counted?.('dead_lettered', 1);
  }

  /** Dead-letters, as it is, what can't be read. What was among dead letters stays there, from now on as bytes anybody can read. */
  async deadLetterRaw(
    document: QueueDocument,
    found: { receipt: MessageReceipt; raw: Uint8Array; why: string; id?: string },
  ): Promise<void> {
    const { runtime, queues } = this.#context;
    const target = document.deadLetterOf === undefined ? deadLetterOf(document) : document;
    await this.#outbox.sendOne(target, {
      id: found.id ?? messageIds(runtime, document.queueId, 1, undefined).join(),
      batch: encodeBatch({ messages: [{ value: found.raw, kind: 'bytes', headers: [] }] }),
      enqueuedAt: runtime.now(),
      redrives: 0,
      deadLetter: {
        reason: `this was found in the queue and is not a message: ${found.why}`,
        source: document.name,
      },
      expiresAt: undefined,
      delayMs: 0,
    });
    await queues.delete(document.queue, found.receipt);
    this.#depths.removed(document.queue, 1);
    this.#context.counted?.('dead_lettered', 1);
  }

  /** A dead letter whose body is gone: it stays where it is, empty, and says so before what it said. */
  async emptied(document: QueueDocument, { receipt, envelope }: Held): Promise<void> {
    const note = envelope.deadLetter ?? { reason: BODY_GONE, source: document.name };
    await this.#outbox.sendOne(document, {
      ...envelope,
      batch: emptyBatch(),
      deadLetter: { ...note, reason: withoutBody(note.reason) },
      expiresAt: undefined,
      delayMs: 0,
    });
    await this.#context.queues.delete(document.queue, receipt);
    this.#depths.removed(document.queue, 1);
  }

  /** The message first, then its body. Errors: StorageError; `receipt_lost`: somebody else has it, or it is gone. */
  async remove(document: QueueDocument, { receipt, envelope }: Held): Promise<void> {
    await this.#context.queues.delete(document.queue, receipt);
    this.#depths.removed(document.queue, 1);
    if ('bodyId' in envelope.body) await this.#bodies.remove(document.container, envelope.body.bodyId);
  }

  /** Leaves what only a newer node can read to one, as it is. */
  async leaveToNewer(document: QueueDocument, receipt: MessageReceipt): Promise<void> {
    await this.#context.queues.update(document.queue, receipt, { visibilityTimeoutMs: LEFT_FOR_MS });
    this.#context.logger.info(
      { queue: document.name },
      'a message is of a newer version than this node knows: it is left to a newer node',
    );
  }

  /**
   * Gives back what was received and reached nobody: at once for others to have, or a little later when it was the
   * storage that failed. It does not count as a delivery. If that fails, it comes back when its lock is over.
   */
  async giveBack(
    document: QueueDocument,
    { receipt, envelope }: Held,
    when: 'at-once' | 'later',
  ): Promise<void> {
    const { queues, logger } = this.#context;
    const body = encodeEnvelope({ ...envelope, uncounted: envelope.uncounted + 1 });
    const visibilityTimeoutMs = when === 'at-once' ? 0 : RETURN_AFTER_MS;
    try {
      await queues.update(document.queue, receipt, { visibilityTimeoutMs, body });
      this.#context.counted?.('returned', 1);
      if (when === 'at-once') announce(this.#context, document.queueId);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      logger.info(
        { error, queue: document.name },
        'a message could not be given back: it comes back by itself',
      );
    }
  }
}

/** Throws QueueError `no_dead_letter` for a queue of dead letters. */
function deadLettersOf(document: QueueDocument): QueueDocument {
  if (document.deadLetterOf === undefined) return deadLetterOf(document);
  throw new QueueError('no_dead_letter', `${document.name} holds dead letters: they have nowhere else to go`);
}

function withoutBody(reason: string): string {
  return reason === BODY_GONE ? reason : `${BODY_GONE}; ${reason}`;
}

/** Stands for a body that is gone, so that its message is at least seen. */
function emptyBatch(): Uint8Array {
  return encodeBatch({ messages: [{ value: new Uint8Array(), kind: 'bytes', headers: [] }] });
}
