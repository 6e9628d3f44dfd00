import type { BatchHeader } from '@message-vault/framing';
import { invariant } from '@message-vault/runtime';
import type { AppendResult } from './stream-writer.ts';

interface Waiter {
  readonly duplicate: boolean;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

/** A batch that was taken in and is not answered yet, and everybody who waits for its answer. */
export class PendingBatch {
  readonly bytes: Uint8Array;
  readonly header: BatchHeader;
  readonly #waiters: Waiter[] = [];

  constructor(bytes: Uint8Array, header: BatchHeader) {
    this.bytes = bytes;
    this.header = header;
  }

  /** The answer to this batch; a repeat of it gets the same one. */
  answer(duplicate: boolean): Promise<AppendResult> {
    return new Promise((resolve, reject) => this.#waiters.push({ duplicate, resolve, reject }));
  }

  resolve(result: Omit<AppendResult, 'duplicate'>): void {
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ ...result, duplicate: waiter.duplicate });
  }

  reject(error: unknown): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}

/** Batches waiting for their commit, in order of arrival, within bounds. */
export class Inbox {
  readonly #maxBytes: number;
  readonly #maxBatches: number;
  #batches: PendingBatch[] = [];
  #head = 0;
  #bytes = 0;
  #messages = 0;

  constructor(bounds: { maxQueueBytes: number; maxQueueBatches: number }) {
    this.#maxBytes = bounds.maxQueueBytes;
    this.#maxBatches = bounds.maxQueueBatches;
  }

  get batches(): number {
    return this.#batches.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get messages(): number {
    return this.#messages;
  }

  /** The one so many places behind the front; undefined past the end. */
  at(index: number): PendingBatch | undefined {
    return this.#batches[this.#head + index];
  }

  /** An empty inbox takes any batch, or one larger than its bound could never be stored. */
  hasRoomFor(byteLength: number): boolean {
    if (this.batches === 0) return true;
    return this.batches < this.#maxBatches && this.#bytes + byteLength <= this.#maxBytes;
  }

  push(batch: PendingBatch): void {
    invariant(this.hasRoomFor(batch.bytes.length), 'the inbox is full');
    this.#batches.push(batch);
    this.#bytes += batch.bytes.length;
    this.#messages += batch.header.messageCount;
  }

  /** Takes from the front as long as both limits are kept; nothing when the first alone is above them. */
  take(limits: { maxBytes: number; maxMessages: number }): PendingBatch[] {
    let bytes = 0;
    let messages = 0;
    let end = this.#head;
    for (; end < this.#batches.length; end += 1) {
      const batch = this.#batches[end];
      invariant(batch !== undefined, 'a hole in the inbox');
      bytes += batch.bytes.length;
      messages += batch.header.messageCount;
      if (bytes > limits.maxBytes || messages > limits.maxMessages) break;
    }
    const taken = this.#batches.slice(this.#head, end);
    this.#head = end;
    for (const batch of taken) this.#forget(batch);
    this.#compact();
    return taken;
  }

  takeAll(): PendingBatch[] {
    return this.take({ maxBytes: Number.POSITIVE_INFINITY, maxMessages: Number.POSITIVE_INFINITY });
  }

  #forget(batch: PendingBatch): void {
    this.#bytes -= batch.bytes.length;
    this.#messages -= batch.header.messageCount;
    invariant(this.#bytes >= 0 && this.#messages >= 0, 'the inbox gave out more than it took in');
  }

  /** Taken batches are let go of at the latest when they are half of the list, so taking stays cheap and memory bounded. */
  #compact(): void {
    if (this.#head < this.#batches.length && this.#head * 2 < this.#batches.length) return;
    this.#batches = this.#batches.slice(this.#head);
    this.#head = 0;
  }
}
