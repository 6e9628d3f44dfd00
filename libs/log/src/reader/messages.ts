import {
  decodeBatchHeader,
  decodeStoredBatch,
  encodeOffset,
  FramingError,
  type Message,
  messageId,
} from '@message-vault/framing';
import { LogError } from '../errors.ts';
import type { StoredCommit } from './stored-commit.ts';

/** A message as it stands in the stream. */
export interface ReadMessage extends Message {
  readonly offset: number;
  readonly sequenceNumber: number;
  /** Milliseconds since 1970: when its leader took it in. */
  readonly timestamp: number;
  /** A UUIDv7. */
  readonly id: string;
}

/**
 * The messages of `commits` from the offset `from` on, in order. Batches before it are not opened.
 * Throws LogError `damaged`, with the offset of the batch's first message, for a batch that can't be taken apart.
 */
export function* iterateMessages(
  commits: Iterable<StoredCommit>,
  from = 0,
): Generator<ReadMessage, void, undefined> {
  for (const commit of commits) yield* messagesOf(commit, from);
}

function* messagesOf(
  { header, batches }: StoredCommit,
  from: number,
): Generator<ReadMessage, void, undefined> {
  const { streamId, timestamp, firstSequenceNumber } = header;
  const base = encodeOffset(header.page, 0);
  let first = 0;
  for (const batch of batches) {
    const messages = messagesIn(batch, { offset: base + first, from });
    for (const [place, message] of messages.entries()) {
      const index = first + place;
      if (base + index < from) continue;
      const sequenceNumber = firstSequenceNumber + index;
      const id = messageId(streamId, timestamp, sequenceNumber);
      yield { offset: base + index, sequenceNumber, timestamp, id, ...message };
    }
    first += countOf(batch, base + first);
  }
}

/** None for a batch that ends before `from`. */
function messagesIn(batch: Uint8Array, place: { offset: number; from: number }): readonly Message[] {
  if (place.offset + countOf(batch, place.offset) <= place.from) return [];
  return opened(place.offset, () => decodeStoredBatch(batch).messages);
}

function countOf(batch: Uint8Array, offset: number): number {
  return opened(offset, () => decodeBatchHeader(batch).messageCount);
}

/** A commit's CRC says its batches are what the leader wrote; that they can be opened was checked by the leader. */
function opened<Value>(offset: number, decode: () => Value): Value {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof FramingError)) throw error;
    throw new LogError(
      'damaged',
      `the batch at offset ${offset} cannot be read: ${error.message}`,
      { offset },
      error,
    );
  }
}
