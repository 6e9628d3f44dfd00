import type { Leadership } from '@message-vault/log';
import type { Runtime } from '@message-vault/runtime';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import type { Storage } from '@message-vault/storage';
import { Catalog } from '../../src/catalog.ts';
import { ChangesFeed } from '../../src/names/changes-feed.ts';
import { NameAuthority } from '../../src/names/name-authority.ts';

/** What a leader knows and does about names, without anything else of a node. */
export function nameAuthority(
  storage: Storage,
  {
    epoch = 1,
    runtime = new VirtualRuntime({ seed: epoch }),
    announced = () => undefined,
  }: { epoch?: number; runtime?: Runtime; announced?: () => void } = {},
) {
  const losses: string[] = [];
  const leadership: Leadership = {
    epoch,
    isLeading: () => losses.length === 0,
    lost: (reason) => losses.push(reason),
  };
  const catalog = new Catalog(storage, runtime);
  const feed = new ChangesFeed(storage.documents, leadership, (changes) => {
    catalog.freshness.learn(changes);
    catalog.freshness.writing = true;
  });
  const authority = new NameAuthority({ storage, runtime, leadership, catalog, feed, announced });
  return { authority, catalog, feed, leadership, losses, runtime, storage };
}
