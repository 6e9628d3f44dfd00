import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientOptions, createClient, type VaultClient } from '@message-vault/client';
import { type ETag, openStorage, type SegmentRef, type Storage } from '@message-vault/storage';
import { startAzurite } from '@message-vault/storage/testing';
import { type Cluster, type ClusterNode, startCluster } from '@message-vault/up';
import { request } from 'undici';

/** A cluster of its own for the measurements, and the raw storage beside it. */
export interface Lab {
  readonly cluster: Cluster;
  readonly storage: Storage;
  readonly masterUrl: string;
  readonly readerUrl: string;
  /** Whether wake-ups go through Redis. */
  readonly redis: boolean;
  node(app: ClusterNode['app']): ClusterNode;
  client(options?: Partial<ClientOptions>): VaultClient;
  /** Sum of a counter of a node's /-/metrics, over all its labels that contain `having`. */
  counter(url: string, name: string, having?: string): Promise<number>;
  close(): Promise<void>;
}

export async function openLab({
  redisUrl,
  slaves = 0,
  storage: kind,
  flags = [],
}: {
  redisUrl?: string | undefined;
  slaves?: number | undefined;
  /** An Azurite with a disk by default; `file`: a folder of its own. */
  storage?: 'many-containers' | 'file' | undefined;
  /** Of every node, besides those of the cluster. */
  flags?: readonly string[] | undefined;
}): Promise<Lab> {
  const dir = await mkdtemp(join(tmpdir(), 'mvault-bench-'));
  const azurite =
    kind === 'many-containers' ? await startAzurite({ inMemory: true, manyContainers: true }) : undefined;
  const connection = kind === 'file' ? `file:${join(dir, 'data')}` : azurite?.connectionString;
  const cluster = await startCluster({
    dir,
    portBase: 'free',
    slaves,
    storage: connection === undefined ? 'azurite' : { connection },
    ...(redisUrl === undefined ? {} : { redisUrl }),
    configureNode: (node) => ({ ...node, extraFlags: [...node.extraFlags, ...flags] }),
  });
  const storage = await openStorage(cluster.storage.connection);
  const clients: VaultClient[] = [];
  const node = (app: ClusterNode['app']): ClusterNode => {
    const found = cluster.nodes.find((each) => each.app === app);
    if (found === undefined) throw new Error(`the cluster has no ${app}`);
    return found;
  };
  return {
    cluster,
    storage,
    node,
    masterUrl: node('master').url,
    readerUrl: node('reader').url,
    redis: redisUrl !== undefined,
    client(clientOptions = {}) {
      const client = createClient({ urls: [node('master').url], ...clientOptions });
      clients.push(client);
      return client;
    },
    counter: countOf,
    async close() {
      await Promise.allSettled(clients.map((client) => client.close()));
      await storage.close();
      await cluster.stop();
      await azurite?.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function countOf(url: string, name: string, having = ''): Promise<number> {
  const { body } = await request(`${url}/-/metrics`);
  const lines = (await body.text()).split('\n');
  const values = lines.filter((line) => line.startsWith(name) && line.includes(having));
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Raw page-blob writing through the same storage client as the nodes: one segment, one writer, each write conditional. */
export interface RawSegment {
  write(bytes: Uint8Array): Promise<void>;
  readonly ref: SegmentRef;
  readonly writtenBytes: number;
}

export async function rawSegment(storage: Storage, sizeBytes: number): Promise<RawSegment> {
  const ref: SegmentRef = {
    container: `mv-raw-${Math.random().toString(36).slice(2, 12)}`,
    segment: '0000000000000000',
  };
  await storage.pages.createContainer(ref.container);
  let etag: ETag = (await storage.pages.createSegment(ref, { sizeBytes, epoch: 1 })).etag;
  let offset = 0;
  return {
    ref,
    get writtenBytes() {
      return offset;
    },
    async write(bytes) {
      ({ etag } = await storage.pages.writePages(ref, offset, bytes, { epoch: 1, etag }));
      offset += bytes.byteLength;
    },
  };
}

/** Values that look like events: lines of a file, or made-up log lines, joined to about `bytes` each. */
export async function sampleValues(
  count: number,
  bytes: number,
  file: string | undefined,
): Promise<Uint8Array[]> {
  const text = file === undefined ? madeUpLines() : await readFile(file);
  return Array.from({ length: count }, (_, index) => {
    const value = Buffer.alloc(bytes);
    for (let at = 0, from = (index * 997) % text.length; at < bytes; from = 0)
      at += text.copy(value, at, from);
    return value;
  });
}

function madeUpLines(): Buffer {
  const lines = Array.from({ length: 5000 }, (_, index) =>
    JSON.stringify({
      at: 1_790_000_000_000 + index * 137,
      host: `node-${index % 23}`,
      level: index % 17 === 0 ? 'WARN' : 'INFO',
      took: (index * 7919) % 4093,
      path: `/v2/servers/${(index * 104_729) % 65_521}`,
    }),
  );
  return Buffer.from(lines.join('\n'));
}

/** Resident memory of a process of this machine, MiB; the peak since its start where the kernel tells. */
export function memoryOf(pid: number): { residentMiB: number; peakMiB: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = (field: string): number =>
    Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN);
  return { residentMiB: kib('VmRSS') / 1024, peakMiB: kib('VmHWM') / 1024 };
}

/** Runs `step` in turns until `forMs` have passed; answers the bytes it reported and the time it really took. */
export async function repeatFor(
  forMs: number,
  step: () => Promise<number>,
): Promise<{ total: number; elapsedMs: number; times: number[] }> {
  const startedAt = performance.now();
  const times: number[] = [];
  let total = 0;
  while (performance.now() - startedAt < forMs) {
    const from = performance.now();
    total += await step();
    times.push(performance.now() - from);
  }
  return { total, elapsedMs: performance.now() - startedAt, times };
}
