import type { PageStore, SegmentRef } from '@message-vault/storage';
import { suspendedAtRoll } from '../run/provoked.ts';
import type { Plant } from './plant.ts';

/** What is listed right after a creation ends with the segment just created. */
export const trustCreation: Plant = {
  name: 'trust-creation',
  says: 'a leader takes a segment it could create for the newest, though the one of that name was deleted long ago',
  provoke: suspendedAtRoll,
  beforeLine: (storage) => {
    const { pages } = storage;
    let created: SegmentRef | undefined;
    const createSegment: PageStore['createSegment'] = async (ref, init, options) => {
      const answer = await pages.createSegment(ref, init, options);
      created = ref;
      return answer;
    };
    const listSegments: PageStore['listSegments'] = async (container, options) => {
      const last = created?.container === container ? created.segment : undefined;
      created = undefined;
      const names = await pages.listSegments(container, options);
      return last === undefined ? names : names.filter((name) => name <= last);
    };
    return { ...storage, pages: { ...pages, createSegment, listSegments } };
  },
};
