import { type CommitHeader, encodeOffset, PAGE_BYTES } from '@message-vault/framing';
import type { HeaderSource } from './headers.ts';
import type { Looks } from './looks.ts';
import type { Places } from './places.ts';
import { seekBack } from './seek.ts';
import type { SegmentIndex } from './segment-index.ts';
import type { StreamEnd } from './stream-end.ts';

/** Where to begin to read. Timestamps are milliseconds since 1970; `last` counts messages back from the tail. */
export type Position =
  | { readonly at: 'earliest' }
  | { readonly at: 'latest' }
  | { readonly offset: number }
  | { readonly sequenceNumber: number }
  | { readonly timestamp: number }
  | { readonly last: number };

/** What a stream holds. */
export interface StreamBounds {
  readonly earliestOffset: number;
  readonly earliestSequenceNumber: number;
  /** The offset and sequence number the next message will have. */
  readonly nextOffset: number;
  readonly nextSequenceNumber: number;
  /** Milliseconds since 1970; undefined while the stream holds nothing. */
  readonly firstTimestamp: number | undefined;
  readonly lastTimestamp: number | undefined;
  /** Stored, in whole pages. */
  readonly bytes: number;
}

export interface PositionsOptions {
  readonly segments: SegmentIndex;
  readonly headers: HeaderSource;
  readonly end: StreamEnd;
  readonly looks: Looks;
  readonly places: Places;
  readonly listingMaxAgeMs: number;
}

/** Retention may take the earliest segment while it is being looked at; each time there is a later one to try. */
const MAX_TRIES = 8;

/** Positions by sequence number, by time and from the back, turned into offsets. */
export class Positions {
  readonly #options: PositionsOptions;

  constructor(options: PositionsOptions) {
    this.#options = options;
  }

  /** The offset to read from. Throws LogError `offset_out_of_range`, `damaged`, `storage_unavailable`. */
  async resolve(position: Position): Promise<number> {
    if ('offset' in position) {
      const { page, index } = await this.#options.places.locate(position.offset);
      return encodeOffset(page, index);
    }
    if ('sequenceNumber' in position) return await this.#bySequenceNumber(position.sequenceNumber);
    if ('timestamp' in position) return await this.#byTime(position.timestamp);
    if ('last' in position) return await this.#fromBack(position.last);
    return position.at === 'latest' ? await this.#latest() : await this.#earliest();
  }

  async bounds(): Promise<StreamBounds> {
    const { end, looks, places } = this.#options;
    await looks.toEnd();
    const first = await this.#firstHeader();
    const last = await places.lastHeader();
    const earliestPage = first?.page ?? end.page;
    const nextSequenceNumber = nextAfter(last);
    return {
      earliestOffset: encodeOffset(earliestPage, 0),
      earliestSequenceNumber: first?.firstSequenceNumber ?? nextSequenceNumber,
      nextOffset: encodeOffset(end.page, 0),
      nextSequenceNumber,
      firstTimestamp: first?.timestamp,
      lastTimestamp: first === undefined ? undefined : last?.timestamp,
      bytes: (end.page - earliestPage) * PAGE_BYTES,
    };
  }

  async #latest(): Promise<number> {
    await this.#options.looks.toEnd();
    return encodeOffset(this.#options.end.page, 0);
  }

  async #earliest(): Promise<number> {
    await this.#options.end.start();
    const [earliest = 0] = await this.#options.segments.list(this.#options.listingMaxAgeMs);
    return encodeOffset(earliest, 0);
  }

  /** Of the first commit still stored; undefined when there is none. */
  async #firstHeader(): Promise<CommitHeader | undefined> {
    const { segments, headers, end, listingMaxAgeMs } = this.#options;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const [earliest = 0] = await segments.list(tries === 0 ? listingMaxAgeMs : 0);
      if (earliest >= end.page) return undefined;
      const header = await headers.search().at(earliest);
      if (header !== undefined) return header;
    }
    return undefined;
  }

  async #bySequenceNumber(wanted: number): Promise<number> {
    const { end, looks, places } = this.#options;
    const what = `sequence number ${wanted}`;
    if (!Number.isSafeInteger(wanted) || wanted < 0) throw await places.outOfRange(0, what);
    await end.start();
    let last = await places.lastHeader();
    if (wanted >= nextAfter(last)) {
      await looks.toEnd();
      last = await places.lastHeader();
    }
    if (wanted === nextAfter(last)) return encodeOffset(end.page, 0);
    if (wanted > nextAfter(last)) throw await places.outOfRange(encodeOffset(end.page, 0), what);
    const found = await this.#seek(last, (header) => header.firstSequenceNumber <= wanted);
    if (found === undefined) throw await places.outOfRange(0, what);
    return encodeOffset(found.page, wanted - found.firstSequenceNumber);
  }

  /** The first message at or after `wanted`; what is still to come, when there is none. */
  async #byTime(wanted: number): Promise<number> {
    const { end, looks, places } = this.#options;
    if (Number.isNaN(wanted)) throw await places.outOfRange(0, `time ${wanted}`);
    await end.start();
    let last = await places.lastHeader();
    if (last === undefined || last.timestamp < wanted) {
      await looks.toEnd();
      last = await places.lastHeader();
    }
    if (last === undefined || last.timestamp < wanted) return encodeOffset(end.page, 0);
    const before = await this.#seek(last, (header) => header.timestamp < wanted);
    return before === undefined ? await this.#earliest() : encodeOffset(before.page + before.pages, 0);
  }

  async #fromBack(count: number): Promise<number> {
    const { looks, places } = this.#options;
    await looks.toEnd();
    const next = nextAfter(await places.lastHeader());
    const earliest = (await this.#firstHeader())?.firstSequenceNumber ?? next;
    const wanted = Math.max(earliest, next - Math.max(0, Math.floor(count)));
    return await this.#bySequenceNumber(wanted);
  }

  async #seek(
    from: CommitHeader | undefined,
    upTo: (header: CommitHeader) => boolean,
  ): Promise<CommitHeader | undefined> {
    const { segments, headers, places } = this.#options;
    if (from === undefined) return undefined;
    const found = await seekBack({
      from,
      upTo,
      headers: headers.search(),
      earliestPage: segments.earliestPage,
    });
    if (found !== undefined) places.remember(found.page + found.pages, { readUpTo: false });
    return found;
  }
}

function nextAfter(last: CommitHeader | undefined): number {
  return last === undefined ? 0 : last.firstSequenceNumber + last.messageCount;
}
