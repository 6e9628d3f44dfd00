import type { ReadMessage } from '@message-vault/log';
import type { StreamPlace } from './position.ts';

/** A message that was read and is not dealt with yet, or stands behind one that is not. */
export interface Entry {
  readonly offset: number;
  readonly sequenceNumber: number;
  /** Not held while the message waits for its next try: it is read again. */
  message: ReadMessage | undefined;
  /** Of the value. */
  readonly bytes: number;
  /** Tries so far. */
  attempts: number;
  /** An earlier leader may have delivered it. */
  readonly doubtful: boolean;
  /** Why it goes to the dead letters instead of the subscriber. */
  givenUp: string | undefined;
  done: boolean;
}

/** Messages are dealt with in any order; the cursor moves over what is done without a gap. */
export class Window {
  #entries: Entry[] = [];
  /** Entries before this index are done with. */
  #head = 0;
  #next: StreamPlace;
  #undone = 0;
  #added = 0;

  constructor(start: StreamPlace) {
    this.#next = start;
  }

  /** Where to read on. */
  get next(): StreamPlace {
    return this.#next;
  }

  /** Everything before it is dealt with. */
  get cursor(): StreamPlace {
    const first = this.#entries[this.#head];
    return first === undefined ? this.#next : { offset: first.offset, sequenceNumber: first.sequenceNumber };
  }

  /** Messages added so far. */
  get added(): number {
    return this.#added;
  }

  /** Of those, how many the cursor has passed. */
  get passed(): number {
    return this.#added - this.span;
  }

  get undone(): number {
    return this.#undone;
  }

  /** Messages from the first one not done to the last one read. */
  get span(): number {
    return this.#entries.length - this.#head;
  }

  add(message: ReadMessage, doubtful = false): Entry {
    const { offset, sequenceNumber } = message;
    const bytes = message.value.byteLength;
    const entry: Entry = {
      offset,
      sequenceNumber,
      bytes,
      message,
      attempts: 0,
      doubtful,
      givenUp: undefined,
      done: false,
    };
    this.#entries.push(entry);
    this.#added += 1;
    this.#undone += 1;
    this.#next = { offset: offset + 1, sequenceNumber: sequenceNumber + 1 };
    return entry;
  }

  /** Nothing between what was added last and `place` is for this subscriber. */
  passTo(place: StreamPlace): void {
    this.#next = place;
  }

  /** True when the cursor has moved. */
  finish(entry: Entry): boolean {
    if (entry.done) return false;
    entry.done = true;
    entry.message = undefined;
    this.#undone -= 1;
    const before = this.#head;
    while (this.#entries[this.#head]?.done) this.#head += 1;
    const moved = this.#head !== before;
    if (this.#head > 256 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return moved;
  }

  /** Those not done for which `is` holds. */
  undoneOffsets(is: (entry: Entry) => boolean): number[] {
    return this.#entries
      .slice(this.#head)
      .filter((entry) => !entry.done && is(entry))
      .map(({ offset }) => offset);
  }

  /** Offsets beyond the cursor that are done. */
  doneBeyond(): number[] {
    const offsets: number[] = [];
    for (let index = this.#head; index < this.#entries.length; index += 1) {
      const entry = this.#entries[index];
      if (entry?.done) offsets.push(entry.offset);
    }
    return offsets;
  }
}
