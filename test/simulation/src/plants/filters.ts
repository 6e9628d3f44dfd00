import { misread } from './misread.ts';
import type { Plant } from './plant.ts';

/** Subscriptions come back from storage without what they were filtered by. */
export const forgetFilters: Plant = {
  name: 'forget-filters',
  profile: 'policies',
  says: 'a new leader does not know what subscribers want: from then on they are given everything',
  beforeLine: (storage) => misread(storage, 'routers/', withoutFilter),
};

/** … or without the time at which they end. */
export const forgetEnds: Plant = {
  name: 'forget-ends',
  profile: 'policies',
  says: 'a new leader does not know that subscriptions expire: they go on for ever',
  beforeLine: (storage) => misread(storage, 'routers/', withoutEnd),
};

/** … or without a word of that they are paused. */
export const forgetPauses: Plant = {
  name: 'forget-pauses',
  profile: 'policies',
  says: 'a new leader does not know which subscriptions are paused: it gives them what is to wait',
  beforeLine: (storage) => misread(storage, 'routers/', unpaused),
};

function unpaused(key: string, value: unknown): unknown {
  return key === 'state' && value === 'paused' ? 'active' : value;
}

function withoutFilter(key: string, value: unknown): unknown {
  return key === 'filter' ? undefined : value;
}

function withoutEnd(key: string, value: unknown): unknown {
  return key === 'expiresAt' ? undefined : value;
}
