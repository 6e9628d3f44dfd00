import {
  type BatchHeader,
  type CommitHeader,
  encodeOffset,
  type ProducerIdentity,
} from '@message-vault/framing';

/** Where a batch is stored: the same whether told by who wrote it or read back from the log. */
export interface BatchPlace {
  /** Messages in the batch. */
  readonly count: number;
  readonly firstOffset: number;
  /** Where the next message is: in the same commit or, behind the last batch, at the start of the next one. */
  readonly nextOffset: number;
  readonly firstSequenceNumber: number;
  readonly timestamp: number;
}

export interface StoredBatch {
  readonly producer: ProducerIdentity | undefined;
  readonly place: BatchPlace;
}

type BatchInCommit = Pick<BatchHeader, 'messageCount' | 'producer'>;

/** The places of a commit's batches, in order. */
export function storedBatches(commit: CommitHeader, batches: readonly BatchInCommit[]): StoredBatch[] {
  const end = encodeOffset(commit.page + commit.pages, 0);
  let index = 0;
  return batches.map(({ messageCount, producer }) => {
    const first = index;
    index += messageCount;
    const place = {
      count: messageCount,
      firstOffset: encodeOffset(commit.page, first),
      nextOffset: index < commit.messageCount ? encodeOffset(commit.page, index) : end,
      firstSequenceNumber: commit.firstSequenceNumber + first,
      timestamp: commit.timestamp,
    };
    return { producer, place };
  });
}
