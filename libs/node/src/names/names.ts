import type { NamesPort } from '@message-vault/http';
import { LogError } from '@message-vault/log';
import type { NameDocument, RolePolicy } from '@message-vault/metadata';
import type { Wakeup } from '@message-vault/wakeup';
import type { Catalog } from '../catalog.ts';
import type { NameAuthority } from './name-authority.ts';

/** Where wake-ups about names go: an id no stream has, since it is no random UUID. */
const NAMES_CHANNEL = '00000000-0000-8000-8000-6e616d657300';

export function announceNames(wakeup: Wakeup): void {
  wakeup.announce(NAMES_CHANNEL, 0);
}

/** Has the catalog look for changes as soon as somebody says that there are some. */
export function heedNames(wakeup: Wakeup, catalog: Catalog): void {
  wakeup.subscribe(NAMES_CHANNEL, () => catalog.freshness.hint());
}

/** When a name has lost its role, whoever writes or reads its stream is told so instead of waiting for more. */
export function dropStreamsThatGo(
  catalog: Catalog,
  holders: () => readonly ({ drop(streamId: string): void } | undefined)[],
): void {
  catalog.subscribe({
    gone: (document) => {
      if (!('streamId' in document)) return;
      for (const holder of holders()) holder?.drop(document.streamId);
    },
  });
}

/** Names as HTTP sees them: read anywhere, changed where this node leads. */
export class Names implements NamesPort {
  readonly #catalog: Catalog;
  readonly #authority: () => NameAuthority | undefined;

  constructor(catalog: Catalog, authority: () => NameAuthority | undefined) {
    this.#catalog = catalog;
    this.#authority = authority;
  }

  read(name: string): Promise<NameDocument | undefined> {
    return this.#catalog.read(name);
  }

  outdate(name: string): void {
    this.#catalog.outdate(name);
  }

  async assign(name: string, policy: RolePolicy): Promise<NameDocument> {
    return await this.#leading().assign(name, policy);
  }

  async change(name: string, edit: (document: NameDocument) => RolePolicy): Promise<NameDocument> {
    return await this.#leading().change(name, edit);
  }

  async remove(name: string, check: (document: NameDocument) => void): Promise<void> {
    await this.#leading().remove(name, check);
  }

  #leading(): NameAuthority {
    const authority = this.#authority();
    if (authority === undefined) throw new LogError('not_leader', 'this node does not lead');
    return authority;
  }
}
