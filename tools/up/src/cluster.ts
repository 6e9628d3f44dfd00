import { resolve } from 'node:path';
import { VaultDirectory } from './directory.ts';
import { ClusterError } from './errors.ts';
import type { Cluster } from './handle.ts';
import type { ClusterOptions } from './options.ts';
import {
  type Counts,
  countsOf,
  type NodePlan,
  nodePlaces,
  type Ports,
  planNodes,
  planPorts,
} from './plan.ts';
import { freePorts, requireFree } from './ports.ts';
import { RunningCluster } from './running-cluster.ts';
import { planStorage } from './storage-plan.ts';

/** The ports of processes that were ended become free a moment later: the last of their threads takes them along. */
const PORTS_FREE_WITHIN_MS = 5_000;

/**
 * Starts storage and nodes as processes of their own on 127.0.0.1, and resolves when all are ready.
 * Throws ClusterError, with everything stopped again, when that can't be.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const dir = resolve(options.dir ?? '.vault');
  const ports = await portsFor(countsOf(options), options.portBase);
  const storage = planStorage(options.storage ?? 'azurite', ports, dir);
  const nodes = await nodePlans(options, ports, storage.connection);
  const directory = await VaultDirectory.take(dir, options.say ?? (() => {}));
  const cluster = new RunningCluster(directory, storage, nodes, options);
  const abandon = (): void => void cluster.stop();
  const { signal } = options;
  signal?.addEventListener('abort', abandon);
  try {
    const withinMs = directory.endedLeftovers ? PORTS_FREE_WITHIN_MS : 0;
    await requireFree(ports, storage.program !== undefined, { withinMs, signal });
    // Asked for before there was anything to stop, it was heard by nobody.
    if (signal?.aborted) throw new ClusterError('not_ready', 'Nothing was started: a stop was asked for.');
    await cluster.start();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abandon);
  }
}

/** Throws the ClusterError `bad_option` that `startCluster` would, without starting anything. */
export function checkOptions(options: ClusterOptions): void {
  const counts = countsOf(options);
  if (options.portBase !== 'free') planPorts(counts, options.portBase);
}

async function nodePlans(options: ClusterOptions, ports: Ports, connection: string): Promise<NodePlan[]> {
  const plans = planNodes(ports.nodes, connection, options.redisUrl);
  return Promise.all(plans.map((plan) => options.configureNode?.(plan) ?? plan));
}

async function portsFor(counts: Counts, base: ClusterOptions['portBase']): Promise<Ports> {
  if (base !== 'free') return planPorts(counts, base);
  const nodes = nodePlaces(counts, () => 0);
  const [blob = 0, queue = 0, ...rest] = await freePorts(2 + nodes.length);
  return { blob, queue, nodes: nodes.map((node, at) => ({ ...node, port: rest[at] ?? 0 })) };
}
