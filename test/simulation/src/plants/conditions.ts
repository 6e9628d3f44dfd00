import type { PageStore, SegmentRef, Storage, WriteConditions } from '@message-vault/storage';
import type { Plant } from './plant.ts';

type Bend = (pages: PageStore, ref: SegmentRef, conditions: WriteConditions) => Promise<WriteConditions>;

/** The storage with the conditions of every write bent at the moment it arrives. */
function withConditions(storage: Storage, bend: Bend): Storage {
  const { pages } = storage;
  return {
    ...storage,
    pages: {
      ...pages,
      writePages: async (ref, offset, bytes, conditions) =>
        pages.writePages(ref, offset, bytes, await bend(pages, ref, conditions)),
      clearPages: async (ref, range, conditions) =>
        pages.clearPages(ref, range, await bend(pages, ref, conditions)),
    },
  };
}

export const dropEpoch: Plant = {
  name: 'drop-epoch',
  says: 'writes go out without the condition on the epoch: a leader that was replaced goes on writing',
  behindLine: (storage) =>
    withConditions(storage, async (pages, ref, conditions) => {
      const { epoch } = await pages.segmentProperties(ref);
      return { ...conditions, epoch };
    }),
};

export const dropEtag: Plant = {
  name: 'drop-etag',
  says: 'writes go out without the condition on the ETag: a delayed one lands on top of what was written since',
  behindLine: (storage) =>
    withConditions(storage, async (pages, ref, conditions) => {
      const { etag } = await pages.segmentProperties(ref);
      return { ...conditions, etag };
    }),
};

/** The fence is kept back until the first write, which then takes up the version the fence makes. */
export const scanBeforeFence: Plant = {
  name: 'scan-before-fence',
  says: 'a new leader looks for the end of the log first and fences it after that: what lands in between is lost',
  behindLine: (storage) => {
    const pending = new Map<string, number>();
    const keyOf = ({ container, segment }: SegmentRef): string => `${container}/${segment}`;
    const late = withConditions(storage, async (pages, ref, conditions) => {
      const epoch = pending.get(keyOf(ref));
      if (epoch === undefined) return conditions;
      pending.delete(keyOf(ref));
      const { etag } = await pages.fence(ref, epoch);
      return { ...conditions, etag };
    });
    const fence: PageStore['fence'] = async (ref, epoch) => {
      const now = await storage.pages.segmentProperties(ref);
      pending.set(keyOf(ref), epoch);
      return { etag: now.etag, epoch: Math.max(now.epoch, epoch) };
    };
    return { ...late, pages: { ...late.pages, fence } };
  },
};
