import { isStorageError, type PageStore } from '@message-vault/storage';
import { LogError } from './errors.ts';
import { type StreamRef, segmentRef } from './stream.ts';
import { segmentSize } from './writer/segment.ts';

export interface CreateOptions {
  readonly pages: PageStore;
  /** Of a container nobody has used before. */
  readonly stream: StreamRef;
  /** Of the leader that makes it. */
  readonly epoch: number;
  /** As in the writer's settings. */
  readonly segmentBytes: number;
}

/** How often the first segment is tried: a lost answer says nothing, the next one says whether it is there. */
const MAX_TRIES = 3;

/**
 * Makes the container of a new stream and its first segment, to be done before the stream's name is written down: from
 * then on a stream without a segment is one that has lost its storage. Repeating it is harmless.
 *
 * Errors: LogError `storage_unavailable` when it is not known to be there; other StorageErrors as they come.
 */
export async function createStream({ pages, stream, epoch, segmentBytes }: CreateOptions): Promise<void> {
  await pages.createContainer(stream.container);
  const init = { sizeBytes: segmentSize(segmentBytes), epoch };
  for (let tries = 1; ; tries += 1) {
    try {
      await pages.createSegment(segmentRef(stream, 0), init);
      return;
    } catch (error) {
      if (isStorageError(error, 'already_exists')) return;
      if (!isStorageError(error, 'outcome_unknown')) throw error;
      if (tries < MAX_TRIES) continue;
      const why = `the first segment of ${stream.name} is not known to be there; nothing was stored`;
      throw new LogError('storage_unavailable', why, {}, error);
    }
  }
}
