import { formatDuration } from '@message-vault/metadata';
import { type Action, act } from '../act.ts';
import { optionalInstant, parseMembers } from '../answers.ts';
import { wholeNumber } from '../checks.ts';
import type { Asking, Door } from '../door.ts';
import { isVaultClientError, type VaultClientError } from '../errors.ts';
import type { CallOptions } from '../questions.ts';
import type { TransportResponse } from '../transport.ts';
import { clockOf } from './node-clock.ts';

const MAX_ANSWER_BYTES = 64 * 1024;
const DONE = [200, 204] as const;
/** Storage keeps a message out of sight for a week at most. */
const MAX_DELAY_MS = 7 * 86_400_000;

export interface ReleaseOptions extends CallOptions {
  /** Nobody gets it before that. Default 0. */
  readonly delayMs?: number | undefined;
}

/**
 * What makes a message this consumer's for a while. All methods fail with `lock_lost` when it is not any more: the time
 * was up, or it has been settled. Then somebody else has the message, or will.
 */
export class MessageLock {
  /** Good on every node, and in another process as well. */
  readonly id: string;
  readonly #door: Door;
  readonly #queue: string;
  #until: number;
  #deadline: number;
  #settled = false;
  /** What is asked for is asked one after the other: a renewal changes what the nodes know the lock by. */
  #turn: Promise<unknown> = Promise.resolve();
  /** A renewal nobody answered may have changed that, or still do. */
  #renewalInDoubt = false;

  /** `until`: milliseconds since 1970, on the node's clock; `deadline`: the same on this process' monotonic clock. */
  constructor(door: Door, queue: string, lock: { id: string; until: number; deadline: number }) {
    this.#door = door;
    this.#queue = queue;
    this.id = lock.id;
    this.#until = lock.until;
    this.#deadline = lock.deadline;
  }

  /** When it ends unless it is renewed, milliseconds since 1970 on the node's clock. */
  get until(): number {
    return this.#until;
  }

  /** How long it is good for by this process' clock, whatever the nodes' clocks say. */
  get remainingMs(): number {
    return this.#deadline - this.#door.context.runtime.monotonic();
  }

  /** Acknowledged, given back or dead-lettered through this object. */
  get settled(): boolean {
    return this.#settled;
  }

  /** The message is done with and goes from the queue. */
  acknowledge(options: CallOptions = {}): Promise<void> {
    return this.#settle('acknowledge', { method: 'DELETE', path: this.#path() }, options);
  }

  /** Gives the message back, for others or for later. */
  async release({ delayMs = 0, ...options }: ReleaseOptions = {}): Promise<void> {
    wholeNumber('delayMs', delayMs, 0, MAX_DELAY_MS);
    const query = delayMs === 0 ? '' : `?delay=${formatDuration(delayMs)}`;
    await this.#settle('release', { method: 'PUT', path: `${this.#path()}${query}` }, options);
  }

  /** Moves the message to the queue's dead-letter queue. */
  deadLetter(reason: string, options: CallOptions = {}): Promise<void> {
    const action = {
      method: 'POST',
      path: `${this.#path()}/dead-letter`,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ reason })),
    } as const;
    return this.#settle('dead-letter', action, options);
  }

  /** The lock is good for a whole lock duration from now on. */
  renew(options: CallOptions = {}): Promise<void> {
    return this.#inTurn(async () => {
      try {
        await this.#renew(options);
      } catch (error) {
        // Given up by its caller, for one: it may be on its way.
        if (!isVaultClientError(error, 'lock_lost')) this.#renewalInDoubt = true;
        throw error;
      }
    });
  }

  async #renew(options: CallOptions): Promise<void> {
    const { runtime } = this.#door.context;
    const onDoubt = (): void => {
      this.#renewalInDoubt = true;
    };
    const action = { method: 'POST', path: this.#path(), onDoubt } as const;
    const askedAt = runtime.monotonic();
    await this.#act('renew', action, options, (response) => {
      const until = optionalInstant(parseMembers(response), 'lockedUntil');
      if (until === undefined) return;
      this.#until = until;
      this.#deadline = askedAt + (until - clockOf(response, runtime));
    });
  }

  #settle(
    verb: 'acknowledge' | 'release' | 'dead-letter',
    action: Pick<Action, 'method' | 'path' | 'headers' | 'body'>,
    options: CallOptions,
  ): Promise<void> {
    // As long as nobody else can have the message, a lock that is gone was settled by the attempt before: unless it is
    // gone for a renewal that nobody heard of, or for a move to the dead letters that may have stopped half-way.
    const isCertain = (): boolean => this.remainingMs > 0 && !this.#renewalInDoubt && verb !== 'dead-letter';
    const ifDone = (refusal: VaultClientError) =>
      refusal.code === 'lock_lost' && isCertain() ? true : undefined;
    return this.#inTurn(async () => {
      await this.#act(verb, action, options, () => true, ifDone);
      this.#settled = true;
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  #act<Answer>(
    verb: string,
    action: Pick<Action, 'method' | 'path' | 'headers' | 'body' | 'onDoubt'>,
    options: CallOptions,
    understand: (response: TransportResponse) => Answer,
    ifDone?: (refusal: VaultClientError) => Answer | undefined,
  ): Promise<Answer> {
    const { context } = this.#door;
    const asking: Asking = this.#door.asking(options);
    const whole: Action = {
      ...action,
      ...asking,
      operation: `${verb} ${this.#queue}`,
      accept: 'application/json',
      statuses: DONE,
      maxResponseBytes: MAX_ANSWER_BYTES,
      stallTimeoutMs: context.attemptTimeoutMs,
    };
    return act(context, whole, understand, ifDone);
  }

  #path(): string {
    return `/${this.#queue}/-/locks/${encodeURIComponent(this.id)}`;
  }
}
