import { busSetupOf } from '../bus/draw.ts';
import { type Setup, setupOf } from './setup.ts';

/** What runs there are, by what they are about: how each makes a run of a seed. */
export const profiles = {
  /** Streams, published to and read. */
  streams: setupOf,
  /** Names, routers and queues, and what they hand on to streams, webhooks, listeners and consumers. */
  bus: busSetupOf,
} as const satisfies Readonly<Record<string, (seed: number) => Setup>>;

export type Profile = keyof typeof profiles;

/** Undefined for no name. Throws RangeError for one that none has. */
export function profileNamed(name: string | undefined): Profile | undefined {
  if (name === undefined || name === 'streams' || name === 'bus') return name;
  throw new RangeError(`there is no profile ${name}; there are ${Object.keys(profiles).join(', ')}`);
}
