import { type Due, DueHeap, type Runtime } from '@message-vault/runtime';
import { StorageError } from '../errors.ts';
import type { MessageReceipt, PeekedMessage, ReceivedMessage, SendTimes } from '../ports.ts';
import { wholeSeconds } from '../rules.ts';

interface Message {
  readonly id: string;
  /** Place in the order of sending. */
  readonly order: number;
  body: Uint8Array;
  dequeueCount: number;
  popReceipt: string;
  readonly insertedAt: number;
  readonly expiresAt: number | undefined;
  readonly deadline: number;
}

/** When a message is to be seen, as long as `popReceipt` is still its own. */
interface Appearance extends Due {
  readonly message: Message;
  readonly popReceipt: string;
}

interface Expiry extends Due {
  readonly message: Message;
}

/** One queue. Timeouts run on the monotonic clock, in whole seconds as the service's do; times told are of the wall clock. */
export class MessageQueue {
  readonly #runtime: Runtime;
  readonly #next: () => number;
  readonly #messages = new Map<string, Message>();
  readonly #appearances = new DueHeap<Appearance>();
  readonly #expiries = new DueHeap<Expiry>();

  /** `next` gives numbers never given before, rising. */
  constructor(runtime: Runtime, next: () => number) {
    this.#runtime = runtime;
    this.#next = next;
  }

  get count(): number {
    this.#forgetExpired();
    return this.#messages.size;
  }

  send(body: Uint8Array, { delayMs = 0, timeToLiveMs }: SendTimes): MessageReceipt {
    const order = this.#next();
    const livesMs = timeToLiveMs === undefined ? undefined : wholeSeconds(timeToLiveMs) * 1000;
    const insertedAt = this.#runtime.now();
    const message: Message = {
      id: `00000000-0000-4000-8000-${order.toString(16).padStart(12, '0')}`,
      order,
      body: body.slice(),
      dequeueCount: 0,
      popReceipt: '',
      insertedAt,
      expiresAt: livesMs === undefined ? undefined : insertedAt + livesMs,
      deadline: this.#runtime.monotonic() + (livesMs ?? Number.POSITIVE_INFINITY),
    };
    this.#forgetExpired();
    this.#messages.set(message.id, message);
    if (livesMs !== undefined) this.#expiries.push({ at: message.deadline, order, message });
    return { messageId: message.id, popReceipt: this.#hide(message, delayMs) };
  }

  receive(max: number, visibilityTimeoutMs: number): ReceivedMessage[] {
    return this.#takeVisible(max).map(({ message }) => {
      message.dequeueCount++;
      this.#hide(message, visibilityTimeoutMs);
      return { ...shown(message), popReceipt: message.popReceipt };
    });
  }

  peek(max: number): PeekedMessage[] {
    const visible = this.#takeVisible(max);
    for (const appearance of visible) this.#appearances.push(appearance);
    return visible.map(({ message }) => shown(message));
  }

  update(receipt: MessageReceipt, visibilityTimeoutMs: number, body: Uint8Array | undefined): string {
    const message = this.#held(receipt);
    if (body !== undefined) message.body = body.slice();
    return this.#hide(message, visibilityTimeoutMs);
  }

  delete(receipt: MessageReceipt): void {
    this.#messages.delete(this.#held(receipt).id);
  }

  /** The message whose receipt in force is this one. That its time is over does not matter until somebody else takes it. */
  #held({ messageId, popReceipt }: MessageReceipt): Message {
    this.#forgetExpired();
    const message = this.#messages.get(messageId);
    if (message?.popReceipt !== popReceipt)
      throw new StorageError('receipt_lost', `message ${messageId} is not held by this receipt`);
    return message;
  }

  #takeVisible(max: number): Appearance[] {
    this.#forgetExpired();
    const now = this.#runtime.monotonic();
    const taken: Appearance[] = [];
    for (let first = this.#appearances.first(); first !== undefined && taken.length < max; ) {
      if (first.at > now) break;
      this.#appearances.pop();
      if (this.#isInForce(first)) taken.push(first);
      first = this.#appearances.first();
    }
    return taken;
  }

  #hide(message: Message, visibilityTimeoutMs: number): string {
    message.popReceipt = Buffer.from(`receipt ${this.#next()}`).toString('base64');
    this.#appear(message, this.#runtime.monotonic() + wholeSeconds(visibilityTimeoutMs) * 1000);
    return message.popReceipt;
  }

  #appear(message: Message, at: number): void {
    this.#appearances.push({ at, order: message.order, message, popReceipt: message.popReceipt });
    // Each update and delete leaves one behind that is not in force any more.
    if (this.#appearances.size > 2 * this.#messages.size + 64)
      this.#appearances.retain((appearance) => this.#isInForce(appearance));
  }

  #isInForce({ message, popReceipt }: Appearance): boolean {
    return this.#messages.has(message.id) && message.popReceipt === popReceipt;
  }

  #forgetExpired(): void {
    const now = this.#runtime.monotonic();
    for (let first = this.#expiries.first(); first !== undefined && first.at <= now; ) {
      this.#messages.delete(first.message.id);
      this.#expiries.pop();
      first = this.#expiries.first();
    }
    if (this.#expiries.size > 2 * this.#messages.size + 64)
      this.#expiries.retain(({ message }) => this.#messages.has(message.id));
  }
}

function shown({ id, body, dequeueCount, insertedAt, expiresAt }: Message): PeekedMessage {
  return { messageId: id, body: body.slice(), dequeueCount, insertedAt, expiresAt };
}
