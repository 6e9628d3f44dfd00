import type { Message } from '@message-vault/framing';
import { formatDuration } from '@message-vault/metadata';
import { randomUuid } from '@message-vault/runtime';
import { wholeNumber } from '../checks.ts';
import { abortedError, VaultClientError } from '../errors.ts';
import type { ClientContext } from '../exchange.ts';
import { LeaderScout } from '../leader-scout.ts';
import { MAX_MESSAGE_RECORD_BYTES, type OutgoingMessage, recordBytes, toWireMessage } from '../messages.ts';
import { checkedName } from '../names/checked-name.ts';
import { Admission } from './admission.ts';
import { PublishCall, type PublishResult } from './call.ts';
import { type ProducerEpochs, producerEpochs } from './identity.ts';
import { type PublishSettings, StreamPublisher } from './stream-publisher.ts';

export interface PublishOptions {
  /** Publish only if this is the sequence number the first message would get. The messages must fit one batch. */
  readonly expectedSequenceNumber?: number | undefined;
  /** Queues: nobody gets the messages before that. */
  readonly delayMs?: number | undefined;
  /** Queues: messages nobody has taken by then are gone. Default: what the queue's policy says. */
  readonly timeToLiveMs?: number | undefined;
  /** Gives the call up. What had been sent may be stored nevertheless: `outcome` of the error says what is known. */
  readonly signal?: AbortSignal | undefined;
}

export interface PublisherSettings extends PublishSettings {
  readonly deliveryTimeoutMs: number;
  readonly maxBufferBytes: number;
  readonly whenBufferFull: 'wait' | 'reject';
  /** Connections for publishing to one node; streams are spread over them. */
  readonly lanes: number;
  readonly producer: { readonly id: string; readonly epoch: number } | undefined;
}

/** Streams whose place in the sequence is remembered; one published to again after that begins a new epoch. */
const MAX_REMEMBERED_STREAMS = 10_000;

/** All a client publishes: takes calls in within the bounds of the buffer and hands them to their streams' owners. */
export class Publisher {
  readonly #context: ClientContext;
  readonly #settings: PublisherSettings;
  readonly #admission: Admission;
  readonly #scout: LeaderScout;
  readonly #producer: ProducerEpochs;
  readonly #streams = new Map<string, StreamPublisher>();
  /** Calls whose callers still wait. */
  readonly #open = new Set<PublishCall>();
  #nextLane = 0;
  #closed = false;

  constructor(context: ClientContext, settings: PublisherSettings) {
    this.#context = context;
    this.#settings = settings;
    this.#admission = new Admission(settings.maxBufferBytes);
    this.#scout = new LeaderScout(context);
    const { producer } = settings;
    this.#producer =
      producer === undefined
        ? producerEpochs(randomUuid(context.runtime))
        : producerEpochs(producer.id, producer.epoch);
  }

  publish(
    name: string,
    messages: OutgoingMessage | readonly OutgoingMessage[],
    options: PublishOptions,
  ): Promise<PublishResult> {
    try {
      const call = this.#call(checkedName(name), messages, options);
      this.#admit(call, options.signal);
      return call.result;
    } catch (error) {
      return Promise.reject(notBegun(error));
    }
  }

  /** Resolves when everything published so far has ended, one way or the other. */
  async flush(): Promise<void> {
    for (const stream of this.#streams.values()) stream.flush();
    await Promise.allSettled([...this.#open].map((call) => call.result));
  }

  /** Takes nothing more in and flushes. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
  }

  #call(
    stream: string,
    messages: OutgoingMessage | readonly OutgoingMessage[],
    options: PublishOptions,
  ): PublishCall {
    if (this.#closed) throw new VaultClientError('closed', 'the client is closed', { outcome: 'not_stored' });
    if (options.signal?.aborted) throw abortedError(options.signal, 'not_stored');
    const wire = isList(messages) ? messages.map(toWireMessage) : [toWireMessage(messages)];
    if (wire.length === 0) throw new VaultClientError('invalid_argument', 'there is no message to publish');
    const size = measure(wire);
    const { expectedSequenceNumber } = options;
    if (expectedSequenceNumber !== undefined) {
      wholeNumber('expectedSequenceNumber', expectedSequenceNumber, 0, Number.MAX_SAFE_INTEGER);
      this.#checkFitsOneBatch(wire.length, size.bytes);
    }
    const deadline = this.#context.runtime.monotonic() + this.#settings.deliveryTimeoutMs;
    const query = queryOf(options);
    return new PublishCall({ stream, messages: wire, ...size, deadline, expectedSequenceNumber, query });
  }

  #checkFitsOneBatch(count: number, bytes: number): void {
    const { maxBatchBytes, maxBatchMessages } = this.#settings;
    if (count <= maxBatchMessages && (count === 1 || bytes <= maxBatchBytes)) return;
    const most = `${maxBatchMessages} messages and ${maxBatchBytes} bytes`;
    throw new VaultClientError(
      'too_large',
      `messages published on a condition must fit one batch of ${most}`,
    );
  }

  #admit(call: PublishCall, signal: AbortSignal | undefined): void {
    const start = (): void => {
      call.onSettled = () => {
        this.#open.delete(call);
        this.#admission.leave(call.bytes);
      };
      this.#streamOf(call.stream).add(call);
    };
    let leaveLine: (() => void) | undefined;
    if (this.#admission.tryEnter(call.bytes)) start();
    else {
      leaveLine =
        this.#settings.whenBufferFull === 'wait' ? this.#admission.wait(call.bytes, start) : undefined;
      if (leaveLine === undefined) throw bufferFull(this.#settings.maxBufferBytes);
      call.onSettled = () => this.#open.delete(call);
    }
    if (!call.settled) this.#open.add(call);
    if (signal !== undefined) this.#watch(call, signal, leaveLine);
  }

  #watch(call: PublishCall, signal: AbortSignal, leaveLine: (() => void) | undefined): void {
    const onAbort = (): void => {
      const outcome = this.#streams.get(call.stream)?.outcomeOf(call) ?? 'not_stored';
      call.fail({ code: 'aborted', message: 'the caller gave the call up', outcome, cause: signal.reason });
      leaveLine?.();
    };
    const forget = (): void => signal.removeEventListener('abort', onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
    call.result.then(forget, forget);
  }

  #streamOf(stream: string): StreamPublisher {
    let found = this.#streams.get(stream);
    if (found === undefined) {
      this.#forgetIdleStreams();
      found = new StreamPublisher({
        stream,
        lane: this.#nextLane,
        context: this.#context,
        settings: this.#settings,
        producer: this.#producer,
        scout: this.#scout,
      });
      this.#nextLane = (this.#nextLane + 1) % this.#settings.lanes;
      this.#streams.set(stream, found);
    }
    return found;
  }

  #forgetIdleStreams(): void {
    if (this.#streams.size < MAX_REMEMBERED_STREAMS) return;
    for (const [name, stream] of this.#streams) {
      if (!stream.idle) continue;
      this.#streams.delete(name);
      // Should it come again, it must not repeat an identity it has used.
      this.#producer.beginAt(stream.nextEpoch);
    }
  }
}

/** Storage keeps a message out of sight for a week at most. */
const MAX_DELAY_MS = 7 * 86_400_000;

function queryOf({ delayMs, timeToLiveMs }: PublishOptions): string {
  const query = new URLSearchParams();
  if (delayMs !== undefined) query.set('delay', seconds('delayMs', delayMs, MAX_DELAY_MS));
  if (timeToLiveMs !== undefined)
    query.set('ttl', seconds('timeToLiveMs', timeToLiveMs, Number.MAX_SAFE_INTEGER));
  return query.size === 0 ? '' : `?${query}`;
}

function seconds(name: string, ms: number, maxMs: number): string {
  return formatDuration(wholeNumber(name, ms, 0, maxMs));
}

function isList(
  messages: OutgoingMessage | readonly OutgoingMessage[],
): messages is readonly OutgoingMessage[] {
  return Array.isArray(messages);
}

function measure(messages: readonly Message[]): { bytes: number; largestBytes: number } {
  let bytes = 0;
  let largestBytes = 0;
  for (const message of messages) {
    const size = recordBytes(message);
    bytes += size;
    if (size > largestBytes) largestBytes = size;
  }
  if (largestBytes <= MAX_MESSAGE_RECORD_BYTES) return { bytes, largestBytes };
  const most = MAX_MESSAGE_RECORD_BYTES;
  throw new VaultClientError(
    'too_large',
    `a message of ${largestBytes} bytes is larger than a batch takes (${most})`,
  );
}

/** What is refused at the door was not sent, whatever it is refused for. */
function notBegun(error: unknown): unknown {
  if (!(error instanceof VaultClientError) || error.outcome !== undefined) return error;
  return new VaultClientError(error.code, error.message, { cause: error.cause, outcome: 'not_stored' });
}

function bufferFull(maxBytes: number): VaultClientError {
  const message = `the messages under way fill the buffer of ${maxBytes} bytes`;
  return new VaultClientError('buffer_full', message, { outcome: 'not_stored' });
}
