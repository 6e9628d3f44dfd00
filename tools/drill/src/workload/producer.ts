import type { HistoryEvent } from '@message-vault/checkers';
import {
  createClient,
  isVaultClientError,
  type PublishResult,
  type VaultClient,
} from '@message-vault/client';
import type { Recorder } from '../record/recorder.ts';
import { now, pause } from '../wait.ts';
import { makeMessage } from './messages.ts';

const CLOSE_WITHIN_MS = 1000;

export interface ProducerOptions {
  readonly name: string;
  readonly urls: readonly string[];
  readonly stream: string;
  readonly recorder: Recorder;
  readonly random: () => number;
  readonly everyMs: number;
  readonly maxOutstanding: number;
  readonly deliveryTimeoutMs: number;
  readonly followLeader?: boolean;
  /** A queue or router, which accepts; else a stream, which says where a message stands. */
  readonly accepts?: true;
  /** The most a large message has, bytes. */
  readonly largeBytes?: number;
}

/** Publishes at a steady pace through a client of its own, whatever becomes of what it published before. */
export class Producer {
  readonly #options: ProducerOptions;
  readonly #client: VaultClient;
  readonly #giveUp = new AbortController();
  readonly #outstanding = new Set<Promise<void>>();
  #sequence = 0;
  #acked = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ProducerOptions) {
    const { urls, deliveryTimeoutMs, followLeader = true, recorder } = options;
    this.#options = options;
    this.#client = createClient({
      urls,
      deliveryTimeoutMs,
      followLeader,
      onRetry: ({ reason }) => recorder.retried(reason),
    });
  }

  get acked(): number {
    return this.#acked;
  }

  start(): void {
    this.#timer = setInterval(() => this.publish(), this.#options.everyMs);
  }

  /** One message, unless too many are on their way already. */
  publish(): void {
    const { maxOutstanding, recorder } = this.#options;
    if (this.#outstanding.size >= maxOutstanding || !recorder.hasRoom) return;
    const publishing: Promise<void> = this.#publish().finally(() => this.#outstanding.delete(publishing));
    this.#outstanding.add(publishing);
  }

  /** Publishes nothing more; resolves when all that was published has come to its end. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.ended();
  }

  /** All that was published so far has come to its end. */
  async ended(): Promise<void> {
    await Promise.all(this.#outstanding);
  }

  /** What is on its way ends now, with what is known of it. */
  async close(): Promise<void> {
    this.#giveUp.abort();
    await this.stop();
    // The client goes on trying what it sent, for as long as a delivery may take; nobody waits for that here.
    await Promise.race([this.#client.close(), pause(CLOSE_WITHIN_MS)]);
  }

  async #publish(): Promise<void> {
    const { name: producer, stream, recorder, random, largeBytes } = this.#options;
    const sequence = this.#sequence++;
    const { record, hash } = makeMessage(producer, sequence, random, largeBytes);
    const message = { stream, producer, sequence };
    recorder.add({ kind: 'start', at: now(), ...message, hash });
    try {
      const answer = await this.#client.publish(stream, record, { signal: this.#giveUp.signal });
      this.#acked += 1;
      recorder.add(this.#acknowledged(message, answer));
    } catch (error) {
      if (!isVaultClientError(error)) throw error;
      const kind = error.outcome === 'not_stored' ? 'fail' : 'unknown';
      recorder.add({ kind, at: now(), ...message, code: error.code });
    }
  }

  #acknowledged(
    message: { stream: string; producer: string; sequence: number },
    { firstOffset: offset, firstSequenceNumber: sequenceNumber }: PublishResult,
  ): HistoryEvent {
    const at = now();
    if (!this.#options.accepts) return { kind: 'ack', at, ...message, offset, sequenceNumber };
    // Queues have no places.
    const place = Number.isSafeInteger(sequenceNumber) ? { sequenceNumber } : {};
    return { kind: 'accepted', at, ...message, ...place };
  }
}
