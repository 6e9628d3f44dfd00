import { misread } from './misread.ts';
import type { Plant } from './plant.ts';

/** Subscriptions come back from storage without what they were filtered by. */
export const forgetFilters: Plant = {
  name: 'forget-filters',
  profile: 'policies',
  says: 'a new leader does not know what subscribers want: from then on they are given everything',
  beforeLine: (storage) => misread(storage, 'routers/', withoutFilter),
};

function withoutFilter(key: string, value: unknown): unknown {
  return key === 'filter' ? undefined : value;
}
