import { misread } from './misread.ts';
import type { Plant } from './plant.ts';

/** Cursors come back from storage with another epoch for what goes on from there, as if nobody had written down which it was. */
export const forgetHops: Plant = {
  name: 'forget-hops',
  profile: 'bus',
  says: 'a new leader does not know under which identity it hands on to streams and routers: what is there is sent again as new',
  beforeLine: (storage) => misread(storage, 'cursors/', anew),
};

/** Another epoch for every identity. */
function anew(key: string, value: unknown): unknown {
  const isIdentity = key === 'producer' && typeof value === 'object' && value !== null && 'epoch' in value;
  return isIdentity ? { epoch: Number(value.epoch) + 1, sequence: 0 } : value;
}
