import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type VaultClient } from '@message-vault/client';
import { type Cluster, type ClusterNode, type ClusterOptions, startCluster } from '@message-vault/up';

/** A real cluster, processes and all, for one test file. */
export interface LocalCluster {
  readonly cluster: Cluster;
  readonly urls: string[];
  node(app: ClusterNode['app']): ClusterNode;
  client(): VaultClient;
  /** Ends clients and processes and removes the data. */
  stop(): Promise<void>;
}

export async function localCluster(options: ClusterOptions = {}): Promise<LocalCluster> {
  const dir = await mkdtemp(join(tmpdir(), 'mvault-e2e-'));
  const cluster = await startCluster({ dir, portBase: 'free', ...options });
  const clients: VaultClient[] = [];
  const urls = cluster.nodes.map((node) => node.url);
  return {
    cluster,
    urls,
    node(app) {
      const found = cluster.nodes.find((node) => node.app === app);
      if (found === undefined) throw new Error(`this cluster has no ${app}`);
      return found;
    },
    client() {
      const client = createClient({ urls });
      clients.push(client);
      return client;
    },
    async stop() {
      await Promise.allSettled(clients.map((client) => client.close()));
      await cluster.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Repeats `look` until it answers something; fails after `withinMs` with what it last threw or `what`. */
export async function eventually<Value>(
  what: string,
  look: () => Promise<Value | undefined>,
  withinMs = 20_000,
): Promise<Value> {
  const deadline = Date.now() + withinMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const value = await look();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} did not happen within ${withinMs} ms`, { cause: last });
}

export async function getJson(url: string): Promise<{ status: number; json: Record<string, unknown> }> {
  const response = await fetch(url, { headers: { accept: 'application/json' } });
  const json: unknown = await response.json();
  if (typeof json !== 'object' || json === null) throw new Error(`${url} did not answer with an object`);
  return { status: response.status, json: { ...json } };
}
