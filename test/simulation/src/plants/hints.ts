import { decodeCommitHeader } from '@message-vault/framing';
import type { PageStore } from '@message-vault/storage';
import type { Plant } from './plant.ts';

/** Every Put Page is announced with its commit when it is sent. The version it will make is not known then, so one is made up. */
export const hintBeforeStored: Plant = {
  name: 'hint-before-stored',
  says: 'a commit goes along with a wake-up before its Put Page has succeeded: readers show what is never stored',
  beforeLine: (storage, process, wakeup) => {
    const { pages } = storage;
    let count = 0;
    const writePages: PageStore['writePages'] = (ref, offset, bytes, conditions, options) => {
      const { streamId, page, pages: length } = decodeCommitHeader(bytes);
      count += 1;
      const version = `"made up ${process.id} ${count}"`;
      wakeup.announce(streamId, page + length, { bytes, versionBefore: conditions.etag, version });
      return pages.writePages(ref, offset, bytes, conditions, options);
    };
    return { ...storage, pages: { ...pages, writePages } };
  },
};
