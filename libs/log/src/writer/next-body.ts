import {
  CommitBody,
  commitBodyCapacity,
  commitByteLength,
  commitRoom,
  MAX_COMMIT_MESSAGES,
} from '@message-vault/framing';
import { invariant } from '@message-vault/runtime';
import type { Inbox, PendingBatch } from './inbox.ts';

type Room = Uint8Array<ArrayBuffer>;

interface LaidOut {
  readonly body: CommitBody;
  readonly room: Room;
  readonly batches: PendingBatch[];
  messages: number;
}

/** With less of a largest commit waiting, laying it out would save next to no time, and take the memory of one. */
const WORTH_LAYING_OUT = 1 / 4;

/**
 * Lays the next commit out while the last one is on its way to the storage, so that only its header is missing when it
 * may go; and lets commits that follow each other use the same memory, two pieces of it in turns.
 */
export class NextBody {
  readonly #maxCommitBytes: number;
  #laidOut: LaidOut | undefined;
  #spare: Room | undefined;

  constructor(maxCommitBytes: number) {
    this.#maxCommitBytes = maxCommitBytes;
  }

  /** Lays out what has come to the inbox, and leaves it there: as much as fits a commit, if that is worth it. */
  layOut(inbox: Inbox): void {
    if (inbox.bytes < WORTH_LAYING_OUT * this.#maxCommitBytes) return;
    this.#laidOut ??= this.#begin(this.#maxCommitBytes);
    const { batches } = this.#laidOut;
    invariant(
      batches.length === 0 || batches[0] === inbox.at(0),
      'what is laid out is the front of the inbox',
    );
    for (;;) {
      const batch = inbox.at(batches.length);
      if (batch === undefined || !this.#fits(this.#laidOut, batch)) return;
      add(this.#laidOut, batch);
    }
  }

  /**
   * A body of exactly these batches, taken from the front of the inbox, with room for a checkpoint of so many bytes. What is
   * laid out is not copied again, unless the checkpoint leaves no room for all of it.
   */
  take(batches: readonly PendingBatch[], checkpointBytes: number): CommitBody {
    if ((this.#laidOut?.batches.length ?? 0) > batches.length) this.giveUp();
    const bodyBytes = batches.reduce((sum, { bytes }) => sum + bytes.byteLength, checkpointBytes);
    const taken = this.#laidOut ?? this.#begin(commitByteLength(bodyBytes));
    this.#laidOut = undefined;
    invariant(
      taken.batches.every((batch, index) => batch === batches[index]),
      'only what is taken from the inbox is written',
    );
    for (const batch of batches.slice(taken.batches.length)) add(taken, batch);
    return taken.body;
  }

  /** The commit in it is stored, and nobody will look at its memory any more. */
  giveBack(commit: Room): void {
    const room = new Uint8Array(commit.buffer);
    if (this.#spare === undefined || this.#spare.byteLength < room.byteLength) this.#spare = room;
  }

  /** What is laid out will not be written. */
  giveUp(): void {
    if (this.#laidOut !== undefined) this.giveBack(this.#laidOut.room);
    this.#laidOut = undefined;
  }

  /** Lets go of all memory. */
  clear(): void {
    this.#laidOut = undefined;
    this.#spare = undefined;
  }

  #fits({ body, messages }: LaidOut, batch: PendingBatch): boolean {
    const bytes = body.byteLength + batch.bytes.byteLength;
    if (bytes > commitBodyCapacity(this.#maxCommitBytes)) return false;
    return messages + batch.header.messageCount <= MAX_COMMIT_MESSAGES;
  }

  #begin(byteLength: number): LaidOut {
    const room = this.#takeSpare(byteLength) ?? commitRoom(byteLength);
    return { body: new CommitBody(room), room, batches: [], messages: 0 };
  }

  #takeSpare(byteLength: number): Room | undefined {
    const spare = this.#spare;
    if (spare === undefined || spare.byteLength < byteLength) return undefined;
    this.#spare = undefined;
    return spare;
  }
}

function add(laidOut: LaidOut, batch: PendingBatch): void {
  laidOut.body.add(batch.bytes);
  laidOut.batches.push(batch);
  laidOut.messages += batch.header.messageCount;
}
