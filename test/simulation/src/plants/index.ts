import { bodyBehind, tidyInUse } from './bodies.ts';
import { dropEpoch, dropEtag, scanBeforeFence } from './conditions.ts';
import { cursorsWithoutClaim, moveBeforeSave } from './cursors.ts';
import { forgetEnds, forgetFilters, forgetPauses } from './filters.ts';
import { trustCreation } from './ghosts.ts';
import { hintBeforeStored } from './hints.ts';
import { forgetHops } from './hops.ts';
import { forgetExpiry, neverFull } from './limits.ts';
import { ignoreDeadline } from './locks.ts';
import { ackBeforeDurable, reuseOffset } from './outcomes.ts';
import type { Plant } from './plant.ts';
import { redriveBehind } from './redrive.ts';
import { forgetReject, hardlyAnyRoom } from './room.ts';
import { forgetWindow } from './window.ts';

export type { Plant } from './plant.ts';

/** Every bug the simulation is tested with. */
export const plants: readonly Plant[] = [
  dropEpoch,
  dropEtag,
  scanBeforeFence,
  ackBeforeDurable,
  hintBeforeStored,
  forgetWindow,
  reuseOffset,
  trustCreation,
  cursorsWithoutClaim,
  moveBeforeSave,
  forgetHops,
  ignoreDeadline,
  forgetFilters,
  forgetEnds,
  forgetPauses,
  redriveBehind,
  forgetExpiry,
  forgetReject,
  hardlyAnyRoom,
  neverFull,
  bodyBehind,
  tidyInUse,
];

/** Undefined for no name. Throws RangeError for one that none has. */
export function plantNamed(name: string | undefined): Plant | undefined {
  if (name === undefined) return undefined;
  const found = plants.find((plant) => plant.name === name);
  if (found !== undefined) return found;
  throw new RangeError(
    `there is no bug ${name} to plant; there are ${plants.map((plant) => plant.name).join(', ')}`,
  );
}
