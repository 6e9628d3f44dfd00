import {
  decodeBatch,
  decodeBatchHeader,
  encodeCommit,
  encodeOffset,
  skipsAfter,
} from '@message-vault/framing';

const STREAM_ID = '6b1f8a52-6f0e-4c7e-9d1a-3b7c5f2e8a90';
const PAGE_BYTES = 512;

export interface ModelAnswer {
  readonly count: number;
  readonly firstOffset: number;
  readonly nextOffset: number;
  readonly firstSequenceNumber: number;
  readonly timestamp: number;
}

export interface ModelRefusal {
  readonly code: string;
  readonly status: number;
  readonly [member: string]: unknown;
}

interface Producer {
  epoch: number;
  last: number;
  answers: { sequence: number; answer: ModelAnswer }[];
}

/** What the log promises a producer, in its smallest form: every batch a commit, in memory, with the dedupe rules. */
export class ModelStream {
  readonly values: string[] = [];
  readonly commits: { firstOffset: number; bytes: Uint8Array }[] = [];
  readonly batchSizes: number[] = [];
  readonly #producers = new Map<string, Producer>();
  #last: { number: number; page: number; skips: readonly number[] } | undefined;
  #nextPage = 0;

  get nextOffset(): number {
    return encodeOffset(this.#nextPage, 0);
  }

  /** As after 15 minutes of silence, or when too many others came. */
  forgetProducers(): void {
    this.#producers.clear();
  }

  append(
    batch: Uint8Array,
    timestamp: number,
    expectedSequenceNumber?: number,
  ): { duplicate: boolean; answer: ModelAnswer } | ModelRefusal {
    const { producer: identity } = decodeBatchHeader(batch);
    if (identity === undefined) return { code: 'bad_batch', status: 400 };
    const known = this.#producers.get(identity.id);
    const expected = known === undefined || identity.epoch > known.epoch ? 0 : known.last + 1;
    if (known !== undefined && identity.epoch < known.epoch)
      return { code: 'producer_fenced', status: 403, producerEpoch: known.epoch };
    if (identity.sequence > expected) {
      return { code: 'producer_gap', status: 409, expectedProducerSequence: expected };
    }
    if (identity.sequence < expected) {
      const kept = known?.answers.find(({ sequence }) => sequence === identity.sequence);
      if (kept === undefined) return { code: 'producer_sequence_too_old', status: 409 };
      return { duplicate: true, answer: kept.answer };
    }
    if (expectedSequenceNumber !== undefined && expectedSequenceNumber !== this.values.length) {
      return { code: 'sequence_mismatch', status: 412, expectedSequenceNumber: this.values.length };
    }
    const answer = this.#commit(batch, timestamp);
    const answers = identity.epoch === known?.epoch ? known.answers : [];
    answers.push({ sequence: identity.sequence, answer });
    this.#producers.set(identity.id, {
      epoch: identity.epoch,
      last: identity.sequence,
      answers: answers.slice(-5),
    });
    return { duplicate: false, answer };
  }

  #commit(batch: Uint8Array, timestamp: number): ModelAnswer {
    const { messages } = decodeBatch(batch);
    const page = this.#nextPage;
    const number = (this.#last?.number ?? -1) + 1;
    const skips = skipsAfter(this.#last);
    const bytes = encodeCommit({
      streamId: STREAM_ID,
      epoch: 1,
      page,
      number,
      firstSequenceNumber: this.values.length,
      timestamp,
      skips,
      messageCount: messages.length,
      lastInSegment: false,
      batches: [batch],
    });
    const firstSequenceNumber = this.values.length;
    this.commits.push({ firstOffset: encodeOffset(page, 0), bytes });
    for (const { value } of messages) this.values.push(Buffer.from(value).toString());
    this.batchSizes.push(messages.length);
    this.#last = { number, page, skips };
    this.#nextPage += bytes.byteLength / PAGE_BYTES;
    return {
      count: messages.length,
      firstOffset: encodeOffset(page, 0),
      nextOffset: this.nextOffset,
      firstSequenceNumber,
      timestamp,
    };
  }

  /** Whole commits from the one that holds `offset`, up to `maxBytes` but at least one. */
  read(offset: number, maxBytes: number): { body: Uint8Array; nextOffset: number; upToDate: boolean } {
    const from = this.commits.findLastIndex((commit) => commit.firstOffset <= offset);
    const taken: Uint8Array[] = [];
    let bytes = 0;
    let index = offset >= this.nextOffset ? this.commits.length : Math.max(0, from);
    for (; index < this.commits.length; index += 1) {
      const commit = this.commits[index];
      if (commit === undefined || (taken.length > 0 && bytes + commit.bytes.byteLength > maxBytes)) break;
      taken.push(commit.bytes);
      bytes += commit.bytes.byteLength;
    }
    const upToDate = index === this.commits.length;
    return {
      body: Buffer.concat(taken),
      nextOffset: this.commits[index]?.firstOffset ?? this.nextOffset,
      upToDate,
    };
  }
}
