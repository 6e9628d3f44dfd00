import type { QueueDocument } from '@message-vault/metadata';
import { sleep } from '@message-vault/runtime';
import { isStorageError } from '@message-vault/storage';
import type { Bodies } from './bodies.ts';
import type { QueueContext } from './context.ts';
import { type Depth, type Depths, type Estimate, valueBytes } from './depth.ts';
import { decodeEnvelope } from './envelope.ts';
import { EnvelopeError, QueueError } from './errors.ts';

/** Before a message is refused for a count, the count is not to be older than this. */
const FRESH_MS = 100;
/** Pause between two looks for room. */
const LOOK_EVERY_MS = 250;
/** How long messages that are thrown away are hidden while that is done. */
const DISCARD_MS = 30_000;
const MAX_AT_ONCE = 32;
/** Rounds of throwing away for one request. */
const MAX_ROUNDS = 64;

export interface RoomTaken {
  /** How many of the messages, from the first, may be sent. The others are discarded. */
  readonly fits: number;
  /** Gives back what was taken for messages that were not sent. */
  giveBack(unsent: readonly number[]): void;
}

/** Lets in what a queue's policy has room for. All of it by counts that are up to a second old: never exact. */
export class Room {
  readonly #context: QueueContext;
  readonly #depths: Depths;
  readonly #bodies: Bodies;

  constructor(context: QueueContext, parts: { depths: Depths; bodies: Bodies }) {
    this.#context = context;
    this.#depths = parts.depths;
    this.#bodies = parts.bodies;
  }

  /**
   * `sizes`: bytes of the values, in order. Errors: QueueError `queue_full`, `too_large` and `too_many_messages` for what
   * would not find room in an empty queue; StorageError.
   */
  async take(document: QueueDocument, sizes: readonly number[]): Promise<RoomTaken> {
    const { overflow, enqueueTimeoutMs } = document.policy;
    if (!isLimited(document)) return { fits: sizes.length, giveBack: () => undefined };
    if (overflow !== 'discard-incoming') refuseWhatNeverFits(document, sizes);
    const { runtime } = this.#context;
    const deadline = runtime.monotonic() + enqueueTimeoutMs;
    const depth = this.#depths.of(document.queue);
    for (let round = 0; ; round += 1) {
      await this.#count(document, depth, sizes);
      // Nothing is awaited from here to the taking of the room, so what this node lets in is never too much.
      const fits = howMany(document, depth.estimate, sizes);
      if (fits === sizes.length || overflow === 'discard-incoming') return taken(depth, sizes.slice(0, fits));
      if (overflow === 'discard-existing' && round < MAX_ROUNDS) {
        if (await this.#discardOldest(document, depth, sizes)) continue;
      }
      if (runtime.monotonic() + LOOK_EVERY_MS > deadline) throw full(document);
      await sleep(runtime, LOOK_EVERY_MS);
    }
  }

  async #count(document: QueueDocument, depth: Depth, sizes: readonly number[]): Promise<void> {
    const withBytes = document.policy.maxQueueCapacityBytes !== undefined;
    await depth.refresh(this.#context.limits.countMaxAgeMs, withBytes);
    if (howMany(document, depth.estimate, sizes) < sizes.length) await depth.refresh(FRESH_MS, withBytes);
  }

  /** False when nothing could be thrown away: what there is is locked, or not due yet. */
  async #discardOldest(document: QueueDocument, depth: Depth, sizes: readonly number[]): Promise<boolean> {
    const { queues, logger } = this.#context;
    const wanted = tooMany(document, depth.estimate, sizes);
    const max = Math.min(MAX_AT_ONCE, Math.max(1, wanted));
    const oldest = await queues.receive(document.queue, { max, visibilityTimeoutMs: DISCARD_MS });
    for (const message of oldest) {
      try {
        await queues.delete(document.queue, message);
      } catch (error) {
        if (!isStorageError(error, 'receipt_lost')) throw error;
      }
      this.#context.counted?.('discarded', 1);
      depth.changed({ messages: -1, bytes: -valueBytes(message) });
      await this.#bodies.remove(document.container, bodyIdOf(message.body));
    }
    if (oldest.length > 0)
      logger.info(
        { queue: document.name, messages: oldest.length },
        'the oldest messages made room for new ones',
      );
    return oldest.length > 0;
  }
}

function taken(depth: Depth, sizes: readonly number[]): RoomTaken {
  depth.changed({ messages: sizes.length, bytes: total(sizes) });
  return {
    fits: sizes.length,
    giveBack: (unsent) => depth.changed({ messages: -unsent.length, bytes: -total(unsent) }),
  };
}

function isLimited({ policy }: QueueDocument): boolean {
  return policy.maxQueueLength !== undefined || policy.maxQueueCapacityBytes !== undefined;
}

function howMany({ policy }: QueueDocument, { messages, bytes }: Estimate, sizes: readonly number[]): number {
  const { maxQueueLength = Number.POSITIVE_INFINITY, maxQueueCapacityBytes = Number.POSITIVE_INFINITY } =
    policy;
  let fits = 0;
  let sum = bytes;
  for (const size of sizes) {
    sum += size;
    if (messages + fits + 1 > maxQueueLength || sum > maxQueueCapacityBytes) break;
    fits += 1;
  }
  return fits;
}

/** To wait, or to come again, would be of no use. */
function refuseWhatNeverFits(document: QueueDocument, sizes: readonly number[]): void {
  const { name, policy } = document;
  const { maxQueueCapacityBytes: capacity = Number.POSITIVE_INFINITY } = policy;
  const largest = sizes.reduce((most, size) => Math.max(most, size), 0);
  if (largest > capacity)
    throw new QueueError('too_large', `${name} holds ${capacity} bytes, and a message has ${largest}`, {
      limit: capacity,
    });
  const limit = howMany(document, { messages: 0, bytes: 0 }, sizes);
  if (limit === sizes.length) return;
  throw new QueueError(
    'too_many_messages',
    `${name} has no room for ${sizes.length} such messages at once even when it is empty, but for ${limit}`,
    { limit },
  );
}

/** About how many messages have to go before `sizes` fit. */
function tooMany({ policy }: QueueDocument, { messages, bytes }: Estimate, sizes: readonly number[]): number {
  const byCount = messages + sizes.length - (policy.maxQueueLength ?? Number.POSITIVE_INFINITY);
  const overBytes = bytes + total(sizes) - (policy.maxQueueCapacityBytes ?? Number.POSITIVE_INFINITY);
  const byBytes = overBytes > 0 ? Math.ceil(overBytes / Math.max(1, bytes / Math.max(1, messages))) : 0;
  return Math.max(byCount, byBytes);
}

function total(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}

function full({ name, policy }: QueueDocument): QueueError {
  const { maxQueueLength, maxQueueCapacityBytes } = policy;
  const limits = [
    ...(maxQueueLength === undefined ? [] : [counted(maxQueueLength, 'message')]),
    ...(maxQueueCapacityBytes === undefined ? [] : [counted(maxQueueCapacityBytes, 'byte')]),
  ];
  return new QueueError(
    'queue_full',
    `${name} is full: it takes ${limits.join(' and ')}; nothing was enqueued`,
    {
      limit: maxQueueLength ?? maxQueueCapacityBytes,
      retryAfterMs: 1000,
    },
  );
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function bodyIdOf(raw: Uint8Array): string | undefined {
  try {
    const { body } = decodeEnvelope(raw);
    return 'bodyId' in body ? body.bodyId : undefined;
  } catch (error) {
    if (error instanceof EnvelopeError) return undefined;
    throw error;
  }
}
