import { decodeBatch, FramingError } from '@message-vault/framing';
import type { PeekedMessage } from '@message-vault/storage';
import type { QueueContext } from './context.ts';
import { decodeEnvelope } from './envelope.ts';
import { EnvelopeError } from './errors.ts';

/** About how much a queue holds; never exact, since every node counts for itself. */
export interface Estimate {
  readonly messages: number;
  readonly bytes: number;
}

/** Queues counted by a node; the one used longest ago makes room. */
const MAX_COUNTED = 10_000;
const SAMPLE = 32;

/** How full queues are, asked of storage once in a while and carried on by what this node sends and removes. */
export class Depths {
  readonly #context: QueueContext;
  readonly #byQueue = new Map<string, Depth>();

  constructor(context: QueueContext) {
    this.#context = context;
  }

  of(queue: string): Depth {
    const depth = this.#byQueue.get(queue) ?? new Depth(this.#context, queue);
    this.#byQueue.delete(queue);
    const oldest = this.#byQueue.size >= MAX_COUNTED ? this.#byQueue.keys().next().value : undefined;
    if (oldest !== undefined) this.#byQueue.delete(oldest);
    this.#byQueue.set(queue, depth);
    return depth;
  }

  /** This node has removed messages from the queue. Nothing is kept for queues nobody counts. */
  removed(queue: string, messages: number): void {
    this.#byQueue.get(queue)?.changed({ messages: -messages, bytes: 0 });
  }
}

/** One queue's count. */
export class Depth {
  readonly #context: QueueContext;
  readonly #queue: string;
  #counted: Estimate = { messages: 0, bytes: 0 };
  #countedAt = Number.NEGATIVE_INFINITY;
  /** What this node did since the count was asked for: whether the count has it already is not known. */
  #since: Estimate = { messages: 0, bytes: 0 };
  #counting: Promise<void> | undefined;

  constructor(context: QueueContext, queue: string) {
    this.#context = context;
    this.#queue = queue;
  }

  /** As far as this node knows. Nothing is asked: what is decided by it is decided at once. */
  get estimate(): Estimate {
    return {
      messages: Math.max(0, this.#counted.messages + this.#since.messages),
      bytes: Math.max(0, this.#counted.bytes + this.#since.bytes),
    };
  }

  /** Counts anew unless the last count is at most `maxAgeMs` old. Errors: StorageError. */
  async refresh(maxAgeMs: number, withBytes: boolean): Promise<void> {
    if (this.#context.runtime.monotonic() - this.#countedAt <= maxAgeMs) return;
    this.#counting ??= this.#count(withBytes).finally(() => {
      this.#counting = undefined;
    });
    await this.#counting;
  }

  changed({ messages, bytes }: Estimate): void {
    this.#since = { messages: this.#since.messages + messages, bytes: this.#since.bytes + bytes };
  }

  async #count(withBytes: boolean): Promise<void> {
    const { queues, runtime } = this.#context;
    const askedAt = runtime.monotonic();
    const before = this.#since;
    const [{ approximateCount }, sample] = await Promise.all([
      queues.properties(this.#queue),
      withBytes ? queues.peek(this.#queue, SAMPLE) : [],
    ]);
    const sampled = sample.reduce((sum, message) => sum + valueBytes(message), 0);
    const mean = sample.length === 0 ? 0 : sampled / sample.length;
    this.#counted = { messages: approximateCount, bytes: Math.round(mean * approximateCount) };
    this.#countedAt = askedAt;
    const { messages, bytes } = this.#since;
    this.#since = { messages: messages - before.messages, bytes: bytes - before.bytes };
  }
}

/** Bytes of the value; of a body in the body store, those of its batch. */
export function valueBytes({ body }: Pick<PeekedMessage, 'body'>): number {
  try {
    const envelope = decodeEnvelope(body);
    if (!('batch' in envelope.body)) return envelope.body.byteLength;
    return decodeBatch(envelope.body.batch).messages[0]?.value.byteLength ?? 0;
  } catch (error) {
    if (error instanceof EnvelopeError || error instanceof FramingError) return body.byteLength;
    throw error;
  }
}
