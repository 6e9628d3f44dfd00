import type { Leadership } from '@message-vault/log';
import type { Runtime } from '@message-vault/runtime';
import { isStorageError, type Storage } from '@message-vault/storage';
import type { Logger } from '@message-vault/telemetry';
import type { Catalog } from '../catalog.ts';
import { ChangesFeed } from './changes-feed.ts';
import { NameAuthority } from './name-authority.ts';
import { NameRounds } from './name-rounds.ts';

export interface NamesTermOptions {
  readonly storage: Storage;
  readonly runtime: Runtime;
  readonly leadership: Leadership;
  readonly catalog: Catalog;
  readonly logger: Logger;
  /** Tells other nodes that names have changed. */
  readonly namesChanged: () => void;
}

/** What a leader does about names, for one term. */
export class NamesTerm {
  readonly authority: NameAuthority;
  readonly #catalog: Catalog;
  readonly #rounds: NameRounds;
  #ended = false;

  constructor(options: NamesTermOptions) {
    const { storage, runtime, leadership, catalog, logger, namesChanged } = options;
    this.#catalog = catalog;
    // What was known as a follower may be what the leader before has changed a moment ago.
    catalog.forgetAll();
    const feed = new ChangesFeed(storage.documents, leadership, (changes) => {
      catalog.freshness.learn(changes);
      // Nobody but this node writes there now, so there is nothing to be asked for.
      catalog.freshness.writing = !this.#ended;
    });
    this.authority = new NameAuthority({
      storage,
      runtime,
      leadership,
      catalog,
      feed,
      announced: namesChanged,
    });
    this.#rounds = new NameRounds({ catalog, names: this.authority, leadership, runtime, logger });
    // Without it this node asks for changes as all others do, and the first change tries again.
    feed.claim().catch((error: unknown) => {
      if (isStorageError(error)) logger.warn({ error }, 'the changes of names could not be claimed yet');
    });
  }

  end(): void {
    this.#ended = true;
    this.#rounds.stop();
    this.#catalog.freshness.writing = false;
  }
}
