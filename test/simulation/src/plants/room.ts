import { misread } from './misread.ts';
import type { Plant } from './plant.ts';

/** Routers that are to refuse what finds no room discard it instead. */
export const forgetReject: Plant = {
  name: 'forget-reject',
  profile: 'policies',
  says: 'a router that is to refuse what finds no room takes it in, and leaves it out for somebody',
  beforeLine: (storage) =>
    misread(storage, 'names/', (key, value) =>
      isOfRouter(key, value) && value.overflow === 'reject'
        ? { ...value, overflow: 'discard-existing' }
        : value,
    ),
};

/** Routers take their limit for the smallest there is. */
export const hardlyAnyRoom: Plant = {
  name: 'hardly-any-room',
  profile: 'policies',
  says: 'a router leaves messages out although no more wait than may',
  beforeLine: (storage) =>
    misread(storage, 'names/', (key, value) =>
      isOfRouter(key, value) ? { ...value, maxQueueLength: 1 } : value,
    ),
};

/** The policy of a router with a limit. */
function isOfRouter(key: string, value: unknown): value is { readonly overflow: unknown } {
  const isPolicy = key === 'policy' && typeof value === 'object' && value !== null;
  return isPolicy && 'distribution' in value && 'maxQueueLength' in value && 'overflow' in value;
}
