import { SeededRandom } from '@message-vault/runtime/testing';
import type { Fault } from '../faults/fault.ts';
import type { Setup } from '../run/setup.ts';
import type { BusSetup, PausedSetup, RouterSetup } from './setup.ts';

/** How many runs have subscriptions that are paused: a share. */
const WITH_PAUSES = 0.5;

/** Somebody pauses subscriptions and resumes them, drawn from a generator of its own. */
export function withPauses(seed: number, plain: Setup): Setup {
  const { bus } = plain;
  const random = new SeededRandom(seed ^ 0x9a05e);
  if (bus === undefined || !random.chance(WITH_PAUSES)) return plain;
  const everyMs = random.pick([30, 150, 500]);
  const share = random.pick([0.3, 0.5, 0.8]);
  const targets = bus.routers.flatMap((router) => pausable(bus, router));
  if (targets.length === 0) return plain;
  const { late, again } = plain.weather.network;
  const copies = late + again > 0 || plain.faults.some((fault) => isOfNetwork(fault));
  return { ...plain, bus: { ...bus, pauses: { everyMs, share, targets, copies } } };
}

function isOfNetwork(fault: Fault): boolean {
  return fault.kind === 'weather' && fault.weather.network !== undefined;
}

/**
 * What only a member of a router `one` wants that is paused is passed over, as long as others are there. So where any has a
 * filter, one of those that want everything is never paused.
 */
function pausable(bus: BusSetup, { name: router, distribution, targets }: RouterSetup): PausedSetup[] {
  const listeners = new Set(bus.listeners.map(({ name }) => name));
  const subscribed = targets.filter((target) => !listeners.has(target));
  const { filters = [], expiry } = bus.policies ?? {};
  const filtered = new Set(filters.filter((each) => each.router === router).map(({ target }) => target));
  const all = subscribed.map((target) => ({ router, target }));
  if (distribution === 'all' || filtered.size === 0) return all;
  const stays = subscribed.find((target) => !filtered.has(target) && target !== expiry?.target);
  return stays === undefined ? [] : all.filter(({ target }) => target !== stays);
}
