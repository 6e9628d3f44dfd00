import { fileURLToPath } from 'node:url';
import { type Address, type ChaosLink, type ModeInput, openLink } from '@message-vault/chaos';
import type { App, NodePlan } from '@message-vault/up';
import { DrillError } from '../errors.ts';
import type { Setup } from './setup.ts';

interface NodePlace {
  readonly id: string;
  readonly port: number;
}

/** Ports of the storage's services. */
export interface StoragePorts {
  readonly blob: number;
  readonly queue: number;
}

/**
 * The proxies of a lab: `ID>storage` for the way of a node to the storage's blobs, `ID>queues` for that to its queues,
 * which are another service, and `ID>ID` for that of a node to another. Only those that a drill needs are there: the others' traffic goes as it does in production.
 */
export class Links {
  readonly #links = new Map<string, ChaosLink>();

  /** Opens what `setup` asks for. `places`: where the nodes will listen. */
  static async open(setup: Setup, places: readonly NodePlace[], storage: StoragePorts): Promise<Links> {
    const links = new Links();
    try {
      for (const { id } of places) {
        if (setup.storageLinks) {
          await links.#open(`${id}>storage`, storage.blob, setup.storageLinks);
          await links.#open(`${id}>queues`, storage.queue, setup.storageLinks);
        }
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
    const routes = this.#routesOf(node.id, places);
    const routed = { ...node, storage: this.#storageOf(node) };
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

  #storageOf({ id, storage }: NodePlan): string {
    const blobs = this.#links.get(`${id}>storage`);
    const queues = this.#links.get(`${id}>queues`);
    const direct = blobs ? withEndpoint(storage, 'Blob', blobs.address) : storage;
    return queues ? withEndpoint(direct, 'Queue', queues.address) : direct;
  }

  #routesOf(id: string, places: readonly NodePlace[]): [string, string][] {
    return places.flatMap((place): [string, string][] => {
      const link = this.#links.get(`${id}>${place.id}`);
      return link ? [[`127.0.0.1:${place.port}`, `${link.address.host}:${link.address.port}`]] : [];
    });
  }
}

/** The connection string with another address of one of its services. */
export function withEndpoint(connection: string, service: 'Blob' | 'Queue', { host, port }: Address): string {
  return connection.replace(new RegExp(`(${service}Endpoint=https?://)[^/;]+`), `$1${host}:${port}`);
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
