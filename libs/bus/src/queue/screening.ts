import { decodeBatch, FramingError, type Message } from '@message-vault/framing';
import type { QueueDocument } from '@message-vault/metadata';
import { isStorageError, type ReceivedMessage } from '@message-vault/storage';
import type { Bodies, LoadedBody } from './bodies.ts';
import type { QueueContext } from './context.ts';
import { BODY_GONE, type Disposal, type Held } from './disposal.ts';
import { decodeEnvelope, type Envelope } from './envelope.ts';
import { EnvelopeError, QueueError } from './errors.ts';
import type { GivenUpMessages } from './given-up.ts';

/** A message fit to be given to a consumer. */
export interface Screened extends Held {
  readonly message: Message;
  /** Which delivery this is, from 1. */
  readonly delivery: number;
  /** Its bytes are no longer held on its behalf. */
  release(): void;
}

/** Looks at each message that was received, before a consumer does. */
export class Screening {
  readonly #context: QueueContext;
  readonly #bodies: Bodies;
  readonly #disposal: Disposal;
  readonly #givenUp: GivenUpMessages;

  constructor(
    context: QueueContext,
    parts: { bodies: Bodies; disposal: Disposal; givenUp: GivenUpMessages },
  ) {
    this.#context = context;
    this.#bodies = parts.bodies;
    this.#disposal = parts.disposal;
    this.#givenUp = parts.givenUp;
  }

  /**
   * Undefined for a message that is not for a consumer: it has been removed, dead-lettered or given back, or comes back by
   * itself when the storage failed meanwhile. Errors: none that are expected.
   */
  async screen(document: QueueDocument, received: ReceivedMessage): Promise<Screened | undefined> {
    try {
      return await this.#screen(document, received);
    } catch (error) {
      if (!isStorageError(error) && !(error instanceof QueueError)) throw error;
      this.#context.logger.info(
        { error, queue: document.name },
        'a message could not be dealt with: it comes back when its lock is over',
      );
      return undefined;
    }
  }

  async #screen(document: QueueDocument, received: ReceivedMessage): Promise<Screened | undefined> {
    const { messageId, popReceipt, body, dequeueCount } = received;
    const receipt = { messageId, popReceipt };
    const envelope = readEnvelope(body);
    if (envelope instanceof EnvelopeError) {
      if (envelope.isNewer) await this.#disposal.leaveToNewer(document, receipt);
      else await this.#disposal.deadLetterRaw(document, { receipt, raw: body, why: envelope.message });
      return undefined;
    }
    const held: Held = { receipt, envelope };
    const delivery = Math.max(1, dequeueCount - envelope.uncounted);
    if (await this.#isOver(document, held, dequeueCount)) return undefined;
    if (delivery > document.policy.maxDequeueRetries + 1 && document.deadLetterOf === undefined) {
      await this.poison(document, held);
      return undefined;
    }
    return await this.#open(document, held, delivery);
  }

  /** A message that was given out as often as the policy allows. Errors: StorageError. */
  async poison(document: QueueDocument, held: Held): Promise<void> {
    const deliveries = document.policy.maxDequeueRetries + 1;
    if (document.policy.poisonMessageDrop) {
      await this.#disposal.remove(document, held);
      this.#context.counted?.('dropped', 1);
      this.#context.logger.info(
        { queue: document.name, id: held.envelope.id, deliveries },
        'a message was dropped: it was delivered too often',
      );
      return;
    }
    const times = deliveries === 1 ? 'once' : `${deliveries} times`;
    await this.#disposal.deadLetter(document, held, `it was delivered ${times} and never acknowledged`);
  }

  /** Given up by a consumer before, which counts first: he was told so in time. Or expired. */
  async #isOver(document: QueueDocument, held: Held, dequeueCount: number): Promise<boolean> {
    // Only what somebody has had before can have been given up.
    if (dequeueCount > 1 && (await this.#wasGivenUp(document, held))) return true;
    const { expiresAt } = held.envelope;
    if (expiresAt === undefined || expiresAt > this.#context.runtime.now()) return false;
    await this.#disposal.remove(document, held);
    this.#context.counted?.('expired', 1);
    return true;
  }

  async #wasGivenUp(document: QueueDocument, held: Held): Promise<boolean> {
    const { messageId } = held.receipt;
    const wish = await this.#givenUp.find(document.queueId, messageId);
    if (wish === undefined) return false;
    await this.#disposal.deadLetter(document, held, wish.reason);
    await this.#givenUp.remove(document.queueId, messageId);
    return true;
  }

  async #open(document: QueueDocument, held: Held, delivery: number): Promise<Screened | undefined> {
    const body = await this.#load(document, held);
    if (body === 'unavailable') {
      await this.#disposal.giveBack(document, held, 'later');
      return undefined;
    }
    const message = body && readMessage(body.bytes);
    if (body !== undefined && message !== undefined)
      return { ...held, message, delivery, release: () => body.release() };
    await this.#unreadable(document, held, body?.bytes).finally(() => body?.release());
    return undefined;
  }

  async #unreadable(document: QueueDocument, held: Held, raw: Uint8Array | undefined): Promise<void> {
    const why = raw === undefined ? BODY_GONE : 'its body is damaged';
    if (document.deadLetterOf === undefined) return await this.#disposal.deadLetter(document, held, why);
    if (raw === undefined) return await this.#disposal.emptied(document, held);
    const { receipt, envelope } = held;
    await this.#disposal.deadLetterRaw(document, { receipt, raw, why, id: envelope.id });
  }

  async #load(
    document: QueueDocument,
    { envelope: { body } }: Held,
  ): Promise<LoadedBody | 'unavailable' | undefined> {
    if ('batch' in body) return { bytes: body.batch, release: () => undefined };
    try {
      return await this.#bodies.load(document.container, body.bodyId, body.byteLength);
    } catch (error) {
      if (isStorageError(error)) return 'unavailable';
      throw error;
    }
  }
}

function readEnvelope(raw: Uint8Array): Envelope | EnvelopeError {
  try {
    return decodeEnvelope(raw);
  } catch (error) {
    if (error instanceof EnvelopeError) return error;
    throw error;
  }
}

function readMessage(batch: Uint8Array): Message | undefined {
  try {
    return decodeBatch(batch).messages[0];
  } catch (error) {
    if (error instanceof FramingError) return undefined;
    throw error;
  }
}
