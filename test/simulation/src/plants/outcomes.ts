import { isStorageError, type PageStore, type SegmentRef, StorageError } from '@message-vault/storage';
import type { Plant } from './plant.ts';

const WRITE_BEHIND_MS = 1;

/** The process keeps what it should write, answers at once, and writes in the background; whatever fails there is lost. */
export const ackBeforeDurable: Plant = {
  name: 'ack-before-durable',
  says: 'a publish is acknowledged before its Put Page has succeeded',
  beforeLine: (storage, process) => {
    const { pages } = storage;
    let count = 0;
    /** By the version that was made up: the version it really became. */
    const real = new Map<string, Promise<string>>();
    const writePages: PageStore['writePages'] = async (ref, offset, bytes, conditions) => {
      const kept = bytes.slice();
      const madeUp = `"made up ${process.id} ${count++}"`;
      const before = real.get(conditions.etag) ?? Promise.resolve(conditions.etag);
      const written = before.then(async (etag) => {
        const answer = await pages.writePages(ref, offset, kept, { ...conditions, etag });
        return answer.etag;
      });
      written.catch(() => undefined);
      real.set(madeUp, written);
      await new Promise<void>((resolve) => process.setTimer(WRITE_BEHIND_MS, resolve));
      return { etag: madeUp };
    };
    return { ...storage, pages: { ...pages, writePages } };
  },
};

/** An unknown outcome passes for "not done", and the next write to the segment takes up whatever version there is. */
export const reuseOffset: Plant = {
  name: 'reuse-offset',
  says: 'after a time-out the writer takes the place for free, and may put other bytes there',
  beforeLine: (storage) => {
    const { pages } = storage;
    const doubtful = new Set<string>();
    const keyOf = ({ container, segment }: SegmentRef): string => `${container}/${segment}`;
    const writePages: PageStore['writePages'] = async (ref, offset, bytes, conditions, options) => {
      try {
        const known = doubtful.has(keyOf(ref)) ? await pages.segmentProperties(ref, options) : conditions;
        const answer = await pages.writePages(
          ref,
          offset,
          bytes,
          { ...conditions, etag: known.etag },
          options,
        );
        doubtful.delete(keyOf(ref));
        return answer;
      } catch (error) {
        if (!isStorageError(error, 'outcome_unknown', 'unavailable')) throw error;
        doubtful.add(keyOf(ref));
        throw new StorageError('throttled', 'taken for not done', { cause: error });
      }
    };
    return { ...storage, pages: { ...pages, writePages } };
  },
};
