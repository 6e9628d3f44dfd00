import { dropEpoch, dropEtag, scanBeforeFence } from './conditions.ts';
import { ackBeforeDurable, reuseOffset } from './outcomes.ts';
import type { Plant } from './plant.ts';
import { forgetWindow } from './window.ts';

export type { Plant } from './plant.ts';

/** Every bug the simulation is tested with. */
export const plants: readonly Plant[] = [
  dropEpoch,
  dropEtag,
  scanBeforeFence,
  ackBeforeDurable,
  forgetWindow,
  reuseOffset,
];
