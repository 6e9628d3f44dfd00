import { mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { openStorage, type Storage } from '@message-vault/storage';
import { type Cluster, type ClusterNode, startCluster } from '@message-vault/up';
import { DrillError } from '../errors.ts';
import { Links, placesOn } from './links.ts';
import { freePortBase } from './ports.ts';
import { LabRedis } from './redis.ts';
import type { Setup } from './setup.ts';

/** `file`: a folder of the lab's own, instead of an Azurite. */
export type LabStorage = 'azurite' | 'file';

export interface LabOptions {
  readonly setup: Setup;
  readonly storage: LabStorage;
  /** Folder of the cluster: held by one lab at a time. */
  readonly dir: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Where the local cluster puts its storage, from its first port; see its `planPorts`. */
const BLOB_PORT = 10;
const QUEUE_PORT = 11;
const FILES = 'files';

/** A cluster of its own for one drill: real processes on a real storage, with proxies in between where it needs them. */
export class Lab {
  readonly cluster: Cluster;
  readonly links: Links;
  /** The storage as it is, without any proxy. */
  readonly storage: Storage;
  /** Only where the drill asked for it. */
  readonly redis: LabRedis | undefined;

  private constructor(cluster: Cluster, links: Links, redis: LabRedis | undefined, storage: Storage) {
    this.cluster = cluster;
    this.links = links;
    this.redis = redis;
    this.storage = storage;
  }

  /** Resolves when all nodes are ready. Throws ClusterError, with everything stopped again. */
  static async open({ setup, storage, dir, signal, say }: LabOptions): Promise<Lab> {
    const counts = { slaves: setup.slaves ?? 1, readers: setup.readers ?? 1 };
    const base = await freePortBase();
    const places = placesOn(base, counts);
    const links = await Links.open(setup, places, { blob: base + BLOB_PORT, queue: base + QUEUE_PORT });
    const redis = setup.redis ? await LabRedis.open() : undefined;
    try {
      const cluster = await startCluster({
        ...counts,
        dir,
        portBase: base,
        storage: storage === 'file' ? { connection: `file:${join(dir, FILES)}` } : storage,
        signal,
        say,
        ...(redis ? { redisUrl: redis.url } : {}),
        configureNode: (node) => links.reroute(node, places),
      });
      return new Lab(cluster, links, redis, await openStorage(cluster.storage.connection));
    } catch (error) {
      await Promise.all([links.close(), redis?.kill()]);
      throw error;
    }
  }

  get urls(): string[] {
    return this.cluster.nodes.map(({ url }) => url);
  }

  /** Throws DrillError when there is no such node. */
  node(id: string): ClusterNode {
    const node = this.cluster.nodes.find((each) => each.id === id);
    if (node === undefined) throw new DrillError('bad_option', `this cluster has no node ${id}`);
    return node;
  }

  /** Undoes whatever a run that failed has left behind: links heal, the frozen go on, the dead are started again. */
  async restore(): Promise<void> {
    await this.links.healAll();
    await this.redis?.start();
    const { pid } = this.cluster.storage;
    if (pid !== null && !isRunning(pid)) await this.cluster.restart('storage');
    for (const { id, alive } of this.cluster.nodes) {
      if (alive) await this.cluster.kill(id, 'SIGCONT');
      else await this.cluster.restart(id);
    }
  }

  /** Kills everything, for a program that ends this very moment. The data is worth nothing without its drill. */
  killNow(): void {
    const { nodes, storage } = this.cluster;
    for (const pid of [...nodes.map((node) => node.pid), storage.pid ?? 0, this.redis?.pid ?? 0]) {
      if (pid > 0 && isRunning(pid)) process.kill(pid, 'SIGKILL');
    }
  }

  /** Ends everything, keeps the logs in `logsTo` and removes the data. Does not throw for what is gone already. */
  async close(logsTo: string): Promise<void> {
    await this.links.healAll().catch(() => {});
    await this.cluster.stop();
    await Promise.all([this.links.close(), this.redis?.kill(), this.storage.close()]);
    await mkdir(resolve(logsTo, '..'), { recursive: true });
    await rename(join(this.cluster.dir, 'logs'), logsTo).catch(() => {});
    for (const data of [FILES, 'azurite', 'azurite-before']) {
      await rm(join(this.cluster.dir, data), { recursive: true, force: true });
    }
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
