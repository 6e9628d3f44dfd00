import { elementSources, memberSource } from '@message-vault/framing';
import { act } from '../act.ts';
import { isMembers, list, parseMembers } from '../answers.ts';
import { ask, type Question } from '../ask.ts';
import { wholeNumber } from '../checks.ts';
import type { Door } from '../door.ts';
import { VaultClientError } from '../errors.ts';
import { type CountOptions, redrive } from '../names/redrive.ts';
import { askNameStats, type QueueStats } from '../names/stats.ts';
import type { CallOptions } from '../questions.ts';
import type { TransportResponse } from '../transport.ts';
import { type ConsumeHandler, type ConsumeOptions, consume } from './consume.ts';
import { MessageLock } from './lock.ts';
import { lockMembers, QueueMessage, ReceivedMessage } from './message.ts';
import { clockOf } from './node-clock.ts';

export interface ReceiveOptions extends CallOptions {
  /** How long to wait for a message when there is none, 0 to 60 s. Default 0. */
  readonly waitSeconds?: number | undefined;
}

const MESSAGE_TYPE = 'application/vnd.message-vault.message+json';
/** Base64 and a key and headers of the largest kind come on top of the largest value. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const MAX_LIST_BYTES = 256 * 1024 * 1024;
const MAX_WAIT_SECONDS = 60;
/** Beyond the time it was asked to wait, a node that keeps silent this long is given up. */
const WAIT_GRACE_MS = 5000;
const MAX_PEEK = 1000;
const DEFAULT_PEEK = 32;
const FOUND = [200, 201, 204] as const;
const NO_CONTENT = 204;

/** A queue, seen by who takes messages from it. They are put in with `client.publish`, like into any name. */
export class QueueHandle {
  readonly name: string;
  readonly #door: Door;

  constructor(door: Door, name: string) {
    this.#door = door;
    this.name = name;
  }

  /**
   * The next message, locked for this consumer for as long as the queue's policy says, or undefined when none came in
   * time. It stays in the queue until it is acknowledged, and is given out again when the lock ends before.
   */
  async receive(options: ReceiveOptions = {}): Promise<ReceivedMessage | undefined> {
    const { runtime } = this.#door.context;
    const question = { ...this.#headQuestion('receive', 'POST', options), accept: MESSAGE_TYPE };
    // Should an answer be lost, the message it had comes back when its lock has ended.
    return await ask(this.#door.context, question, (response) => {
      if (response.status === NO_CONTENT) return undefined;
      const { source, members } = messageOf(response);
      const lock = lockMembers(members);
      const deadline = runtime.monotonic() + (lock.until - clockOf(response, runtime));
      return new ReceivedMessage(
        source,
        members,
        new MessageLock(this.#door, this.name, { ...lock, deadline }),
      );
    });
  }

  /**
   * Takes the next message out for good, without a lock: if its answer is lost, so is the message. Not repeated then,
   * but `outcome_unknown`.
   */
  async take(options: ReceiveOptions = {}): Promise<QueueMessage | undefined> {
    const question = { ...this.#headQuestion('take', 'DELETE', options), accept: MESSAGE_TYPE };
    return await act(this.#door.context, { ...question, repeatable: false }, (response) => {
      if (response.status === NO_CONTENT) return undefined;
      const { source, members } = messageOf(response);
      return new QueueMessage(source, members);
    });
  }

  /** The lock of an id that was kept, by another process perhaps. `until` and `remainingMs` are known once it is renewed. */
  lock(id: string): MessageLock {
    const { runtime } = this.#door.context;
    return new MessageLock(this.#door, this.name, {
      id,
      until: runtime.now(),
      deadline: runtime.monotonic(),
    });
  }

  /** Up to `limit` of the next messages (32, and a node gives no more, whatever is asked for), without locking them: others may take them meanwhile. */
  async peek({ limit = DEFAULT_PEEK, ...options }: CountOptions = {}): Promise<QueueMessage[]> {
    wholeNumber('limit', limit, 1, MAX_PEEK);
    const question: Question = {
      ...this.#door.asking(options),
      operation: `peek ${this.name}`,
      path: `/${this.name}/-/head?limit=${limit}`,
      accept: 'application/json',
      maxResponseBytes: MAX_LIST_BYTES,
      stallTimeoutMs: this.#door.context.attemptTimeoutMs,
    };
    return await ask(this.#door.context, question, messagesOf);
  }

  /**
   * Runs `handler` with one message after the other until the signal fires, renewing locks meanwhile, and acknowledges
   * what it is through with. See ConsumeOptions. Resolves when the last handler has ended.
   */
  consume(handler: ConsumeHandler, options: ConsumeOptions = {}): Promise<void> {
    return consume(this.#door.context.runtime, this, handler, options);
  }

  async stats(options: CallOptions = {}): Promise<QueueStats> {
    const stats = await askNameStats(this.#door, this.name, options);
    if (stats.role === 'queue') return stats;
    throw new VaultClientError('rejected', `${this.name} is a ${stats.role}, not a queue`);
  }

  /** Moves dead-lettered messages back into the queue, up to `limit`; answers how many. */
  redrive(options: CountOptions = {}): Promise<number> {
    return redrive(this.#door, this.name, options);
  }

  #headQuestion(
    verb: string,
    method: 'POST' | 'DELETE',
    { waitSeconds = 0, ...options }: ReceiveOptions,
  ): Omit<Question, 'accept'> {
    wholeNumber('waitSeconds', waitSeconds, 0, MAX_WAIT_SECONDS);
    const { attemptTimeoutMs } = this.#door.context;
    return {
      ...this.#door.asking(options),
      operation: `${verb} ${this.name}`,
      method,
      path: `/${this.name}/-/head?timeout=${waitSeconds}`,
      statuses: FOUND,
      maxResponseBytes: MAX_MESSAGE_BYTES,
      stallTimeoutMs: Math.max(attemptTimeoutMs, waitSeconds * 1000 + WAIT_GRACE_MS),
    };
  }
}

function messageOf(response: TransportResponse): {
  source: string;
  members: Readonly<Record<string, unknown>>;
} {
  const members = parseMembers(response);
  return { source: textOf(response), members };
}

function messagesOf(response: TransportResponse): QueueMessage[] {
  const messages = list(parseMembers(response), 'messages');
  const sources = elementSources(memberSource(textOf(response), 'messages') ?? '[]');
  return messages.flatMap((members: unknown, index) =>
    isMembers(members) ? [new QueueMessage(sources[index] ?? '{}', members)] : [],
  );
}

function textOf({ body }: TransportResponse): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
}
