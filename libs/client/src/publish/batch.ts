import {
  BATCH_HEADER_BYTES,
  BatchBuilder,
  type BatchCodec,
  type ProducerIdentity,
} from '@message-vault/framing';
import { messageOf } from '@message-vault/runtime';
import type { PublishAnswer } from '../answers.ts';
import { recordBytes } from '../messages.ts';
import type { Part, PublishFailure } from './call.ts';
import type { Again, Refusal } from './outcome.ts';
import type { BatchRoom, PartQueue } from './queue.ts';

export interface BatchSettings {
  readonly codec: BatchCodec;
  readonly maxBatchBytes: number;
  readonly maxBatchMessages: number;
}

export function roomOf({ maxBatchBytes, maxBatchMessages }: BatchSettings): BatchRoom {
  return { recordBytes: maxBatchBytes - BATCH_HEADER_BYTES, messages: maxBatchMessages };
}

/** Messages framed under one producer sequence. It is sent, however often, with these very bytes. */
export class Batch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  parts: readonly Part[];
  readonly sequence: number;
  readonly deadline: number;
  readonly expectedSequenceNumber: number | undefined;
  /** With the `?` before it, or empty. */
  readonly query: string;
  /** An attempt waits for its answer. */
  underWay = false;
  /** No batch before it was under way when it was last sent: what the node said of it was not about those. */
  sentFirst = false;
  /** On the monotonic clock: when it was last sent. */
  sentAt = 0;
  /** An attempt ended without a trustworthy answer: from then on only an answer to the same identity can tell. */
  mayBeStored = false;
  /** What came of the last attempt. */
  last: Again | undefined;

  constructor(bytes: Uint8Array<ArrayBuffer>, parts: readonly Part[], sequence: number) {
    this.bytes = bytes;
    this.parts = parts;
    this.sequence = sequence;
    // Calls come in the order of their deadlines.
    this.deadline = parts[0]?.call.deadline ?? 0;
    this.expectedSequenceNumber = parts[0]?.call.expectedSequenceNumber;
    this.query = parts[0]?.call.query ?? '';
  }

  get count(): number {
    return this.parts.reduce((sum, { from, to }) => sum + to - from, 0);
  }

  /** Gives every call its share of the answer. */
  acknowledge(answer: PublishAnswer): void {
    let done = 0;
    for (const { call, from, to } of this.parts) {
      const count = to - from;
      const messageIds = answer.messageIds?.slice(done, done + count);
      const firstOffset = answer.firstOffset + done;
      const firstSequenceNumber = answer.firstSequenceNumber + done;
      done += count;
      const nextOffset = done === answer.count ? answer.nextOffset : answer.firstOffset + done;
      const { timestamp } = answer;
      call.acknowledge({ count, firstOffset, nextOffset, firstSequenceNumber, timestamp, messageIds });
    }
  }

  /** Makes two groups of its parts, to be framed and sent separately. */
  halve(): void {
    const middle = Math.ceil(this.parts.length / 2);
    const [first, second] = [Symbol('first half'), Symbol('second half')];
    this.parts = this.parts.map((part, index) => ({ ...part, group: index < middle ? first : second }));
  }

  fail(failure: PublishFailure): void {
    for (const { call } of this.parts) call.fail(failure);
  }

  /** The node will never take it. */
  refuse(detail: Refusal): void {
    const mayBeStored = this.mayBeStored || detail.code === 'bad_answer';
    const outcome = detail.code === 'position_forgotten' ? 'stored' : mayBeStored ? 'unknown' : 'not_stored';
    this.fail({ ...detail, outcome });
  }

  /** Trying is over. */
  giveUp(): void {
    const { reason = 'the node has not answered', cause, status, problem } = this.last ?? {};
    const details = { cause, status, problem };
    if (this.mayBeStored) {
      const message = `not known whether the messages are stored: ${reason}`;
      this.fail({ code: 'outcome_unknown', message, outcome: 'unknown', ...details });
    } else {
      this.fail({
        code: 'not_delivered',
        message: `not stored: ${reason}`,
        outcome: 'not_stored',
        ...details,
      });
    }
  }
}

/**
 * Frames as many waiting messages as fit one batch, in `room` if that is large enough. Undefined when nobody waits for any, or when they can't be framed
 * (the caller changed them meanwhile, say), which ends their calls.
 */
export function sealBatch(
  queue: PartQueue,
  settings: BatchSettings,
  producer: ProducerIdentity,
  room: ArrayBuffer | undefined,
): Batch | undefined {
  const first = queue.first();
  const message = first?.call.messages[first.from];
  if (message === undefined) return undefined;
  const builder = new BatchBuilder({
    maxBytes: Math.max(settings.maxBatchBytes, BATCH_HEADER_BYTES + recordBytes(message)),
    maxMessages: settings.maxBatchMessages,
    codec: settings.codec,
    expectedBytes: BATCH_HEADER_BYTES + queue.bytes,
    room,
  });
  const parts: Part[] = [];
  try {
    queue.fill(builder, roomOf(settings), parts);
    return new Batch(builder.finish(producer), parts, producer.sequence);
  } catch (cause) {
    const stuck = queue.first();
    for (const part of stuck === undefined ? parts : [...parts, stuck]) failUnframed(part, cause);
    return undefined;
  }
}

function failUnframed({ call, from }: Part, cause: unknown): void {
  const message = `the messages can't be framed: ${messageOf(cause)}`;
  // Of a call that is larger than a batch, some messages may be on their way.
  call.fail({ code: 'invalid_argument', message, outcome: from > 0 ? 'unknown' : 'not_stored', cause });
}
