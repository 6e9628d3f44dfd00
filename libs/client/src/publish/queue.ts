import { BATCH_HEADER_BYTES, type BatchBuilder } from '@message-vault/framing';
import { invariant } from '@message-vault/runtime';
import { recordBytes } from '../messages.ts';
import type { Part, PublishCall } from './call.ts';

/** What an ordinary batch has room for. */
export interface BatchRoom {
  readonly recordBytes: number;
  readonly messages: number;
}

/** Messages of one stream that wait to be framed, in the order they were given. Not yet copied: only referred to. */
export class PartQueue {
  #parts: (Part | undefined)[] = [];
  #head = 0;
  #messages = 0;
  #bytes = 0;

  get empty(): boolean {
    return this.#head === this.#parts.length;
  }

  /** Those of calls given up meanwhile are counted until their turn comes. */
  get messages(): number {
    return this.#messages;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the next batch is one that takes no others in. */
  get nextIsGrouped(): boolean {
    return this.first()?.group !== undefined;
  }

  add(part: Part): void {
    this.#parts.push(part);
    this.#count(part, 1);
  }

  /** Puts parts that had been taken back in front of all others. */
  putBack(parts: readonly Part[]): void {
    this.#parts = [...parts, ...this.#parts.slice(this.#head)];
    this.#head = 0;
    for (const part of parts) this.#count(part, 1);
  }

  /** The next part of a call somebody still waits for. */
  first(): Part | undefined {
    for (let part = this.#parts[this.#head]; part !== undefined; part = this.#parts[this.#head]) {
      if (!part.call.settled) return part;
      this.#drop(part);
    }
    return undefined;
  }

  /** Whether what waits makes a batch of these limits that has no room for another message like those. */
  fills(limits: BatchRoom): boolean {
    if (this.#messages === 0) return false;
    return (
      this.#messages >= limits.messages || this.#bytes + this.#bytes / this.#messages > limits.recordBytes
    );
  }

  /**
   * Moves as many messages as fit to `builder` and adds whose they are to `taken`. A part that fits a batch of its own
   * stays whole. A record above `room.recordBytes` is taken only as the first of a batch, which was then made large
   * enough for it.
   */
  fill(builder: BatchBuilder, room: BatchRoom, taken: Part[]): void {
    const group = this.first()?.group;
    for (let part = this.first(); part !== undefined && part.group === group; part = this.first()) {
      if (builder.count > 0 && fits(part, room) && !fits(part, roomLeft(builder, room))) break;
      const before = builder.byteLength;
      const next = addMessages(part, builder, room.recordBytes);
      const bytes = builder.byteLength - before;
      const { call, from, to } = part;
      if (next > from) taken.push({ call, from, to: next, group, bytes });
      if (next < to) {
        this.#shrinkFirst(part, { call, from: next, to, group, bytes: Math.max(1, part.bytes - bytes) });
        break;
      }
      this.#drop(part);
    }
  }

  /** Takes the calls out that are overdue at `now`; a call's parts stand together, and deadlines come in order. */
  takeOverdue(now: number, underWay: ReadonlySet<PublishCall>): PublishCall[] {
    const overdue: PublishCall[] = [];
    for (let part = this.first(); part !== undefined; part = this.first()) {
      if (part.call.deadline > now || underWay.has(part.call)) break;
      overdue.push(part.call);
      this.#drop(part);
    }
    return overdue;
  }

  takeAll(): Set<PublishCall> {
    const calls = new Set<PublishCall>();
    for (let part = this.first(); part !== undefined; part = this.first()) {
      calls.add(part.call);
      this.#drop(part);
    }
    return calls;
  }

  #shrinkFirst(part: Part, rest: Part): void {
    this.#parts[this.#head] = rest;
    this.#count(part, -1);
    this.#count(rest, 1);
  }

  #drop(part: Part): void {
    this.#parts[this.#head] = undefined;
    this.#head += 1;
    this.#count(part, -1);
    if (this.#head > 1024 && this.#head * 2 > this.#parts.length) {
      this.#parts = this.#parts.slice(this.#head);
      this.#head = 0;
    }
  }

  #count(part: Part, sign: 1 | -1): void {
    this.#messages += sign * (part.to - part.from);
    this.#bytes += sign * part.bytes;
  }
}

function fits({ from, to, bytes }: Part, room: BatchRoom): boolean {
  return bytes <= room.recordBytes && to - from <= room.messages;
}

function roomLeft({ byteLength, count }: BatchBuilder, { recordBytes, messages }: BatchRoom): BatchRoom {
  return { recordBytes: recordBytes + BATCH_HEADER_BYTES - byteLength, messages: messages - count };
}

/** Index of the first message of `part` that did not fit. */
function addMessages(part: Part, builder: BatchBuilder, ordinaryBytes: number): number {
  const { messages, largestBytes } = part.call;
  const wary = largestBytes > ordinaryBytes;
  for (let index = part.from; index < part.to; index += 1) {
    const message = messages[index];
    invariant(message !== undefined, 'a part lies within its call');
    if (wary && builder.count > 0 && recordBytes(message) > ordinaryBytes) return index;
    if (!builder.tryAdd(message)) return index;
  }
  return part.to;
}
