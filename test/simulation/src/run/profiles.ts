import { busSetupOf } from '../bus/draw.ts';
import { withPauses } from '../bus/draw-pauses.ts';
import { policiesSetupOf } from '../bus/draw-policies.ts';
import { type Setup, setupOf } from './setup.ts';

/** What runs there are, by what they are about: how each makes a run of a seed. */
export const profiles = {
  /** Streams, published to and read. */
  streams: setupOf,
  /** Names, routers and queues, and what they hand on to streams, webhooks, listeners and consumers. */
  bus: (seed) => withPauses(seed, busSetupOf(seed)),
  /** The same with what policies and subscriptions can say besides, and what goes by that. */
  policies: (seed) => withPauses(seed, policiesSetupOf(seed)),
} as const satisfies Readonly<Record<string, (seed: number) => Setup>>;

export type Profile = keyof typeof profiles;

/** Undefined for no name. Throws RangeError for one that none has. */
export function profileNamed(name: string | undefined): Profile | undefined {
  if (name === undefined || isProfile(name)) return name;
  throw new RangeError(`there is no profile ${name}; there are ${Object.keys(profiles).join(', ')}`);
}

/** Undefined for the usual one. */
export function profileOf({ bus }: Setup): Profile | undefined {
  if (bus === undefined) return undefined;
  return bus.policies === undefined ? 'bus' : 'policies';
}

function isProfile(name: string): name is Profile {
  return Object.hasOwn(profiles, name);
}
