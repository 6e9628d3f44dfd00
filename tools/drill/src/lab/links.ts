import { fileURLToPath } from 'node:url';
import { type Address, type ChaosLink, type ModeInput, openLink } from '@message-vault/chaos';
import type { App, NodePlan } from '@message-vault/up';
import { DrillError } from '../errors.ts';
import type { Setup } from './setup.ts';

interface NodePlace {
  readonly id: string;
  readonly port: number;
}

/**
 * The proxies of a lab: `ID>storage` for the way of a node to the storage, `ID>ID` for that of a node to another.
 * Only those that a drill needs are there: the others' traffic goes as it does in production.
 */
export class Links {
  readonly #links = new Map<string, ChaosLink>();

  /** Opens what `setup` asks for. `places`: where the nodes will listen. */
  static async open(setup: Setup, places: readonly NodePlace[], blobPort: number): Promise<Links> {
    const links = new Links();
    try {
      for (const { id } of places) {
        if (setup.storageLinks) await links.#open(`${id}>storage`, blobPort, setup.storageLinks);
        if (!setup.nodeLinks) continue;
        for (const other of places) {
          if (other.id !== id) await links.#open(`${id}>${other.id}`, other.port, 'tcp');
        }
      }
      return links;
    } catch (error) {
      await links.close();
      throw error;
    }
  }

  /** Puts the node behind its links. */
  reroute(node: NodePlan, places: readonly NodePlace[]): NodePlan {
    const storage = this.#links.get(`${node.id}>storage`);
    const routes = this.#routesOf(node.id, places);
    const routed = storage ? { ...node, storage: withBlobPort(node.storage, storage.address) } : node;
    if (routes.length === 0) return routed;
    return {
      ...routed,
      script: fileURLToPath(new URL('./routed-node.ts', import.meta.url)),
      extraFlags: [
        ...routed.extraFlags,
        ...['--drill-program', routed.script, '--drill-routes', JSON.stringify(Object.fromEntries(routes))],
      ],
    };
  }

  /** Switches every link whose name matches. Throws DrillError when none does. */
  async setMode(names: RegExp, mode: ModeInput): Promise<void> {
    const matching = [...this.#links].filter(([name]) => names.test(name));
    if (matching.length === 0) throw new DrillError('bad_option', `no link matches ${names}`);
    await Promise.all(matching.map(([, link]) => link.setMode(mode)));
  }

  /** Requests that got an error, or whose answer was swallowed, on all links. */
  get disturbed(): number {
    return [...this.#links.values()].reduce((sum, { stats }) => sum + (stats.disturbed ?? 0), 0);
  }

  async healAll(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.setMode({ mode: 'pass' })));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.close()));
    this.#links.clear();
  }

  async #open(name: string, port: number, protocol: 'tcp' | 'http'): Promise<void> {
    this.#links.set(name, await openLink({ target: { host: '127.0.0.1', port }, protocol }));
  }

  #routesOf(id: string, places: readonly NodePlace[]): [string, string][] {
    return places.flatMap((place): [string, string][] => {
      const link = this.#links.get(`${id}>${place.id}`);
      return link ? [[`127.0.0.1:${place.port}`, `${link.address.host}:${link.address.port}`]] : [];
    });
  }
}

/** The connection string with another address of the blob service. */
export function withBlobPort(connection: string, { host, port }: Address): string {
  return connection.replace(/(BlobEndpoint=https?:\/\/)[^/;]+/, `$1${host}:${port}`);
}

/** Where the local cluster will put its nodes, see its `planPorts`. */
export function placesOn(base: number, counts: { slaves: number; readers: number }): NodePlace[] {
  const several = (app: App, count: number, first: number, further: number): NodePlace[] =>
    Array.from({ length: count }, (_, at) => ({
      id: `${app}-${at + 1}`,
      port: base + (at === 0 ? first : further + at + 1),
    }));
  return [
    ...several('master', 1, 1, 0),
    ...several('slave', counts.slaves, 2, 20),
    ...several('reader', counts.readers, 3, 40),
  ];
}
