import {
  type CommitHeader,
  decodeOffset,
  encodeOffset,
  FramingError,
  type MessagePlace,
} from '@message-vault/framing';
import { damagedAt, isLogError, LogError } from '../errors.ts';
import type { HeaderSource } from './headers.ts';
import type { Looks } from './looks.ts';
import type { RunIndex } from './runs.ts';
import { seekBack } from './seek.ts';
import type { SegmentIndex } from './segment-index.ts';
import type { StreamEnd } from './stream-end.ts';

/** Pages found to be the end of a commit are remembered: most reads go on where one ended. */
const MAX_REMEMBERED = 256;

export interface PlacesOptions {
  readonly segments: SegmentIndex;
  readonly headers: HeaderSource;
  readonly runs: RunIndex;
  readonly end: StreamEnd;
  readonly looks: Looks;
}

/**
 * Tells offsets that lead to a commit from those that do not.
 *
 * That bytes look like a commit is no proof: a producer can hide such bytes in a batch, and an offset into them would
 * show messages that were never published. So a page only counts as the start of a commit when other commits say so:
 * it was reached by walking, it is where a segment starts, or skip pointers lead to it.
 */
export class Places {
  readonly #options: PlacesOptions;
  /** Whether a read ended there, by page. */
  readonly #starts = new Map<number, { readonly readUpTo: boolean }>();

  /** The last commit before the segment that starts at `page`. */
  #sealedLast: { readonly page: number; readonly header: CommitHeader } | undefined;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /** `page` is known to be the end of a commit. `readUpTo`: and somebody has read up to there. */
  remember(page: number, { readUpTo }: { readUpTo: boolean }): void {
    this.#starts.delete(page);
    this.#starts.set(page, { readUpTo });
    const oldest = this.#starts.keys().next().value;
    if (this.#starts.size > MAX_REMEMBERED && oldest !== undefined) this.#starts.delete(oldest);
  }

  /** Whether a read from `page` goes on where another ended. */
  isContinued(page: number): boolean {
    return this.#starts.get(page)?.readUpTo === true;
  }

  /**
   * Where the message at `offset` is, or will be when it is the next one: the page of a commit and an index in it, or
   * the end and 0. One past a commit's last message is the next commit's first. Throws LogError `offset_out_of_range`.
   */
  async locate(offset: number): Promise<MessagePlace> {
    const { segments, end, looks } = this.#options;
    const place = decoded(offset);
    if (place === undefined) throw await this.outOfRange(offset);
    await end.start();
    if (place.page < segments.earliestPage) throw await this.outOfRange(offset);
    if (place.page > end.page) await looks.toEnd();
    // A message in the commit that comes next: perhaps it has come.
    if (place.page === end.page && place.index > 0) await looks.once();
    if (place.page > end.page) throw await this.outOfRange(offset);
    if (place.page < end.page) return await this.#within(place, offset);
    if (place.index > 0) throw await this.outOfRange(offset);
    return place;
  }

  /** The header of the last commit before the end; undefined when there is none. */
  async lastHeader(): Promise<CommitHeader | undefined> {
    const { segments, end, headers } = this.#options;
    if (end.last !== undefined || end.page === 0) return end.last;
    if (this.#sealedLast?.page === end.page) return this.#sealedLast.header;
    const before = segments.containing(end.page - 1);
    const header = before && (await headers.lastOf({ first: before.first, next: end.segment }));
    if (header === undefined)
      throw damagedAt(end.page, 'the newest segment is empty and the one before it is gone');
    this.#sealedLast = { page: header.page + header.pages, header };
    return header;
  }

  /** The error for an offset there is nothing at, saying what there is. */
  async outOfRange(offset: number, what = `offset ${offset}`): Promise<LogError> {
    const { segments, end, looks } = this.#options;
    await looks.toEnd().catch((error: unknown) => {
      // Damage elsewhere does not make this offset any better.
      if (!isLogError(error, 'damaged')) throw error;
    });
    const earliestOffset = encodeOffset(segments.earliestPage, 0);
    const nextOffset = encodeOffset(end.page, 0);
    const message = `${what} is not one of this stream: it has offsets from ${earliestOffset} up to ${nextOffset}`;
    return new LogError('offset_out_of_range', message, { offset, earliestOffset, nextOffset });
  }

  async #within(place: MessagePlace, offset: number): Promise<MessagePlace> {
    if (place.index === 0 && this.#isStart(place.page)) return place;
    const header = this.#options.headers.known(place.page) ?? (await this.#prove(place.page, offset));
    if (place.index > header.messageCount) throw await this.outOfRange(offset);
    return place.index < header.messageCount ? place : { page: header.page + header.pages, index: 0 };
  }

  #isStart(page: number): boolean {
    const { segments, headers } = this.#options;
    return (
      this.#starts.has(page) || segments.containing(page)?.first === page || headers.known(page) !== undefined
    );
  }

  /** The header of the commit at `page`, which is not in memory, once it is clear that one starts there. */
  async #prove(page: number, offset: number): Promise<CommitHeader> {
    const search = this.#options.headers.search();
    if (this.#options.runs.find(page) !== undefined) throw await this.outOfRange(offset);
    if (this.#isStart(page)) {
      const header = await search.at(page);
      if (header === undefined) throw await this.outOfRange(offset);
      return header;
    }
    const from = await this.#laterCommit(page);
    const { earliestPage } = this.#options.segments;
    const upTo = (header: CommitHeader): boolean => header.page <= page;
    const found = from && (await seekBack({ from, upTo, headers: search, earliestPage }));
    if (found?.page !== page) throw await this.outOfRange(offset);
    this.remember(page, { readUpTo: false });
    return found;
  }

  /** A commit at or after `page`, as near as is cheap: the last of its segment, or of the stream. */
  async #laterCommit(page: number): Promise<CommitHeader | undefined> {
    const { segments, headers, end } = this.#options;
    const segment = segments.containing(page);
    if (segment?.next !== undefined && segment.next <= end.page) return await headers.lastOf(segment);
    return await this.lastHeader();
  }
}

function decoded(offset: number): MessagePlace | undefined {
  try {
    return decodeOffset(offset);
  } catch (error) {
    if (error instanceof FramingError) return undefined;
    throw error;
  }
}
