import { namePath, parseNameDocument } from '@message-vault/metadata';
import type { Storage } from '@message-vault/storage';
import type { World } from '../world/world.ts';

interface Subscriptions {
  readonly subscriptions: readonly {
    readonly id: string;
    readonly state: string;
    readonly expiresAt?: number;
  }[];
}

interface Cursors {
  readonly cursors: Readonly<Record<string, unknown>>;
  readonly one?: {
    readonly eras: readonly { readonly shares: readonly string[] }[];
    readonly shares: Readonly<Record<string, { readonly member: string }>>;
    readonly members: Readonly<Record<string, { readonly kind: string }>>;
  };
}

/** What is kept of a router when all is quiet: no subscription that has expired, and nobody at work who has none. */
export async function judgeSubscriptions(name: string, raw: Storage, world: World): Promise<void> {
  const stored = await raw.documents.get(namePath(name));
  const document = stored && parseNameDocument(stored.body);
  if (document?.role !== 'router') return;
  const read = async <Body>(path: string): Promise<Body | undefined> => {
    const found = await raw.documents.get(path);
    return found && JSON.parse(Buffer.from(found.body).toString('utf8'));
  };
  const state = await read<Subscriptions>(`routers/${document.routerId}`);
  const cursors = await read<Cursors>(`cursors/${document.routerId}`);
  const { subscriptions = [] } = state ?? {};
  for (const { id, state: stands, expiresAt } of subscriptions) {
    if (expiresAt !== undefined)
      world.broken('expired', `subscription ${id} of ${name} is there after its time`);
    if (stands === 'paused')
      world.broken('policy', `subscription ${id} of ${name} is paused, and was last said to be resumed`);
  }
  const known = new Set(subscriptions.map(({ id }) => id));
  for (const id of workersIn(cursors)) {
    if (!known.has(id))
      world.broken('expired', `${name} works for ${id}, which is none of its subscriptions`);
  }
}

function workersIn(cursors: Cursors | undefined): string[] {
  const { one } = cursors ?? {};
  const shares = one?.eras.at(-1)?.shares ?? [];
  const members = shares.map((id) => one?.shares[id]?.member ?? id);
  const others = members.filter((member) => one?.members[member]?.kind !== 'listener');
  return [...Object.keys(cursors?.cursors ?? {}), ...others];
}
