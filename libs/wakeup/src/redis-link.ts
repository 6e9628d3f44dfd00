import { Redis } from 'ioredis';
import type { WakeupLogger } from './wakeup.ts';

export interface RedisLinkOptions {
  /** `redis://` or `rediss://`, perhaps with credentials: never logged. */
  readonly url: string;
  /** What the connection is for; shown in logs and in Redis' own client list. */
  readonly purpose: 'announce' | 'listen';
  readonly logger: WakeupLogger;
  /** The link can be used from now on; called after every (re)connection. */
  readonly onReady: (redis: Redis) => void;
}

/** Longest wait for an answer before the connection counts as dead and is made anew. */
const ANSWER_WITHIN_MS = 2000;
const CONNECT_WITHIN_MS = 2000;
const RETRY_FROM_MS = 50;
const RETRY_AT_MOST_MS = 2000;

/**
 * One connection to Redis that is made at its first use, comes back by itself, queues nothing while it is down and says
 * once that it was lost and once that it is back.
 */
export class RedisLink {
  readonly #options: RedisLinkOptions;
  #redis: Redis | undefined;
  #reported: 'up' | 'down' | undefined;
  #closed = false;

  constructor(options: RedisLinkOptions) {
    this.#options = options;
  }

  /** The connection when it can be used now. Otherwise undefined, and it is being made. */
  ready(): Redis | undefined {
    if (this.#closed) return undefined;
    this.#redis ??= this.#connect();
    return this.#redis.status === 'ready' ? this.#redis : undefined;
  }

  get isReady(): boolean {
    return this.#redis?.status === 'ready';
  }

  close(): void {
    this.#closed = true;
    this.#redis?.disconnect();
  }

  #connect(): Redis {
    const redis = new Redis(this.#options.url, {
      connectionName: `message-vault-${this.#options.purpose}`,
      // Hints are worth nothing later: neither commands nor subscriptions are kept for a connection that is to come.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      connectTimeout: CONNECT_WITHIN_MS,
      commandTimeout: ANSWER_WITHIN_MS,
      socketTimeout: ANSWER_WITHIN_MS,
      retryStrategy: (times) => Math.min(RETRY_FROM_MS * 2 ** Math.min(times, 10), RETRY_AT_MOST_MS),
    });
    redis.on('ready', () => {
      if (this.#closed) return;
      this.#report('up', undefined);
      this.#options.onReady(redis);
    });
    redis.on('error', (error) => this.#report('down', error));
    redis.on('close', () => this.#report('down', undefined));
    return redis;
  }

  #report(state: 'up' | 'down', error: unknown): void {
    if (this.#closed || this.#reported === state) return;
    const { logger, purpose } = this.#options;
    if (state === 'up') logger.info({ purpose }, 'connected to Redis');
    else
      logger.warn(
        { purpose, reason: reasonOf(error) },
        'no connection to Redis: wake-ups are off, growth is noticed by polling',
      );
    this.#reported = state;
  }
}

/** All that may be logged of a failure: the client's errors also hold the command with its arguments, and one of them is the password. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection was closed';
  // Where a name has several addresses the message is empty, and the code all there is.
  if (error.message === '' && 'code' in error) return String(error.code);
  return error.message;
}
