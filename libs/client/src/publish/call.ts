import type { Message } from '@message-vault/framing';
import type { PublishAnswer } from '../answers.ts';
import { type PublishOutcome, VaultClientError } from '../errors.ts';

/** Where the messages of one publish call are. They are consecutive within a batch; a call larger than a batch is
 * several batches, between which others' messages may lie. */
export interface PublishResult extends PublishAnswer {
  /** The name published to, whatever its role. */
  readonly stream: string;
}

export type PublishRequest = Pick<
  PublishCall,
  'stream' | 'messages' | 'bytes' | 'largestBytes' | 'deadline' | 'expectedSequenceNumber' | 'query'
>;

/** One call of `publish`: its messages on their way, and the promise the caller holds. */
export class PublishCall {
  readonly stream: string;
  readonly messages: readonly Message[];
  /** What the messages take in the buffer. */
  readonly bytes: number;
  /** What the largest of them takes. */
  readonly largestBytes: number;
  /** On the monotonic clock, milliseconds. */
  readonly deadline: number;
  readonly expectedSequenceNumber: number | undefined;
  /** What a queue is told besides: goes only with calls of the same. */
  readonly query: string;
  readonly result: Promise<PublishResult>;
  /** Told when the caller has its answer. */
  onSettled: (() => unknown) | undefined;
  #settled = false;
  #acknowledged = 0;
  #first: PublishAnswer | undefined;
  readonly #messageIds: string[] = [];
  #resolve: (result: PublishResult) => void = () => {};
  #reject: (error: VaultClientError) => void = () => {};

  constructor(from: PublishRequest) {
    this.stream = from.stream;
    this.messages = from.messages;
    this.bytes = from.bytes;
    this.largestBytes = from.largestBytes;
    this.deadline = from.deadline;
    this.expectedSequenceNumber = from.expectedSequenceNumber;
    this.query = from.query;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** True once the caller has its answer; what is left of the call need not be sent. */
  get settled(): boolean {
    return this.#settled;
  }

  /** `count` messages of this call are stored, the first of them at `answer.firstOffset`. Parts come in order. */
  acknowledge(answer: PublishAnswer): void {
    this.#acknowledged += answer.count;
    this.#first ??= answer;
    if (answer.messageIds !== undefined) this.#messageIds.push(...answer.messageIds);
    if (this.#settled || this.#acknowledged < this.messages.length) return;
    this.#settle();
    this.#resolve({
      stream: this.stream,
      count: this.#acknowledged,
      firstOffset: this.#first.firstOffset,
      nextOffset: answer.nextOffset,
      firstSequenceNumber: this.#first.firstSequenceNumber,
      timestamp: answer.timestamp,
      ...(this.#messageIds.length === 0 ? {} : { messageIds: this.#messageIds }),
    });
  }

  fail(failure: PublishFailure): void {
    if (this.#settled) return;
    this.#settle();
    const { code, message, ...details } = failure;
    this.#reject(new VaultClientError(code, message, { ...details, acknowledged: this.#acknowledged }));
  }

  #settle(): void {
    this.#settled = true;
    this.onSettled?.();
  }
}

export type PublishFailure = Pick<VaultClientError, 'code' | 'message'> & {
  readonly outcome: PublishOutcome;
  readonly cause?: unknown;
  readonly status?: number | undefined;
  readonly problem?: VaultClientError['problem'];
  readonly expectedSequenceNumber?: number | undefined;
};

/** A run of a call's messages: those from `from` up to, but not including, `to`. */
export interface Part {
  readonly call: PublishCall;
  readonly from: number;
  readonly to: number;
  /** Goes only with neighbours of the same group. */
  readonly group: symbol | undefined;
  /** About what its records take in a batch. */
  readonly bytes: number;
}
