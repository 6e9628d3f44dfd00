import { StorageError } from '../errors.ts';
import { checkContainer } from '../rules.ts';
import type { Extents } from './extents.ts';

export interface PageBlob {
  readonly sizeBytes: number;
  readonly extents: Extents;
  epoch: number;
  etag: string;
  /** Monotonic milliseconds. */
  changedAt: number;
}

export interface BlockBlob {
  readonly bytes: Uint8Array;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

interface Container {
  readonly segments: Map<string, PageBlob>;
  readonly bodies: Map<string, BlockBlob>;
}

/** What containers hold, for the ports that share them. */
export class MemoryContainers {
  readonly #containers = new Map<string, Container>();

  create(name: string): void {
    checkContainer(name);
    if (!this.#containers.has(name)) this.#containers.set(name, { segments: new Map(), bodies: new Map() });
  }

  delete(name: string): void {
    checkContainer(name);
    this.#containers.delete(name);
  }

  find(name: string): Container | undefined {
    checkContainer(name);
    return this.#containers.get(name);
  }

  get(name: string): Container {
    const found = this.find(name);
    if (found === undefined) throw new StorageError('not_found', `there is no container ${name}`);
    return found;
  }
}
