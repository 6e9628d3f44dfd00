import { epochOf, NAME_CHANGES_PATH, namePathPrefix, parseNameRecord } from '@message-vault/metadata';
import type { World } from '../world/world.ts';

/** Documents that belong to one leader at a time, and how to read whose they are. */
const CLAIMED: readonly (readonly [prefix: string, epochIn: (body: Uint8Array) => number])[] = [
  ['cursors/', epochMember],
  ['routers/', epochMember],
  [NAME_CHANGES_PATH, epochMember],
  [namePathPrefix(''), (body) => epochOf(parseNameRecord(body))],
];

/** Watches that no leader writes what a newer one has written: neither policies, nor subscriptions, nor cursors. */
export class Claims {
  readonly #world: World;
  readonly #epochs = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  written(path: string, body: Uint8Array): void {
    const epochIn = CLAIMED.find(([prefix]) => path.startsWith(prefix))?.[1];
    if (epochIn === undefined) return;
    const epoch = epochIn(body);
    const newest = this.#epochs.get(path) ?? 0;
    if (epoch < newest)
      this.#world.broken('claims', `${path}, which is epoch ${newest}'s, was written by epoch ${epoch}`);
    this.#epochs.set(path, Math.max(epoch, newest));
  }
}

function epochMember(body: Uint8Array): number {
  const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
  return typeof value === 'object' && value !== null && 'epoch' in value ? Number(value.epoch) : 0;
}
