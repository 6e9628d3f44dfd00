import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ClusterError } from './errors.ts';

export type App = 'master' | 'slave' | 'reader';

/** One broker process: everything it is started with. */
export interface NodePlan {
  /** `master-1`, `slave-1`, `reader-1`, … */
  id: string;
  app: App;
  /** The program: an absolute path to its file. */
  script: string;
  /** HOST:PORT it listens on. */
  listen: string;
  /** Where others reach it. */
  url: string;
  /** Connection string of its storage. */
  storage: string;
  redisUrl: string | undefined;
  /** The other nodes that can lead. */
  peers: readonly string[];
  /** Readers it asks before taking over. */
  witnesses: readonly string[];
  extraFlags: readonly string[];
}

export interface NodePlace {
  id: string;
  app: App;
  port: number;
}

export interface Ports {
  blob: number;
  queue: number;
  nodes: readonly NodePlace[];
}

export interface Counts {
  slaves: number;
  readers: number;
}

const DEFAULT_BASE = 7000;
const MAX_SLAVES = 9;
const MAX_READERS = 20;

/** How many of each, with defaults filled in. Throws ClusterError `bad_option`. */
export function countsOf(options: { slaves?: number; readers?: number }): Counts {
  const slaves = options.slaves ?? (existsSync(appScript('slave')) ? 1 : 0);
  const readers = options.readers ?? 1;
  requireCount('--slaves', slaves, MAX_SLAVES);
  requireCount('--readers', readers, MAX_READERS);
  return { slaves, readers };
}

function requireCount(flag: string, count: number, max: number): void {
  if (Number.isInteger(count) && count >= 0 && count <= max) return;
  throw new ClusterError('bad_option', `${flag} takes a whole number from 0 to ${max}`);
}

/**
 * The ports of a cluster on `base` (7000 when none is given):
 *
 *     base + 1   master            base + 10  Azurite's blob service  (10000 when no base is given)
 *     base + 2   first slave       base + 11  Azurite's queue service (10001 when no base is given)
 *     base + 3   first reader      base + 20… further slaves, base + 40… further readers
 */
export function planPorts(counts: Counts, base?: number): Ports {
  if (base !== undefined && !(Number.isInteger(base) && base >= 1024 && base <= 65_000)) {
    throw new ClusterError('bad_option', '--port-base takes a whole number from 1024 to 65000');
  }
  const first = base ?? DEFAULT_BASE;
  return {
    blob: base === undefined ? 10_000 : base + 10,
    queue: base === undefined ? 10_001 : base + 11,
    nodes: nodePlaces(counts, (app, index) => {
      if (app === 'master') return first + 1;
      if (index === 1) return first + (app === 'slave' ? 2 : 3);
      return first + (app === 'slave' ? 20 : 40) + index;
    }),
  };
}

/** The nodes of a cluster, master first, each with the port that `portOf` gives it. */
export function nodePlaces(counts: Counts, portOf: (app: App, index: number) => number): NodePlace[] {
  const several = (app: App, count: number): NodePlace[] =>
    Array.from({ length: count }, (_, at) => ({ id: `${app}-${at + 1}`, app, port: portOf(app, at + 1) }));
  return [...several('master', 1), ...several('slave', counts.slaves), ...several('reader', counts.readers)];
}

/** What every node is started with, before the caller's `configureNode` has its say. */
export function planNodes(
  places: readonly NodePlace[],
  storage: string,
  redisUrl: string | undefined,
): NodePlan[] {
  const urlOf = (place: NodePlace): string => `http://127.0.0.1:${place.port}`;
  return places.map((place) => {
    const others = places.filter((other) => other.id !== place.id);
    return {
      id: place.id,
      app: place.app,
      script: appScript(place.app),
      listen: `127.0.0.1:${place.port}`,
      url: urlOf(place),
      storage,
      redisUrl,
      peers: others.filter((other) => other.app !== 'reader').map(urlOf),
      witnesses: others.filter((other) => other.app === 'reader').map(urlOf),
      extraFlags: [],
    };
  });
}

/** Arguments after `node`, and what goes by environment because `ps` shows arguments to everybody. */
export function commandOf(node: NodePlan): { args: string[]; env: Record<string, string> } {
  const repeated = (flag: string, values: readonly string[]): string[] =>
    values.flatMap((value) => [flag, value]);
  return {
    args: [
      node.script,
      ...['--node-id', node.id, '--listen', node.listen, '--url', node.url],
      ...repeated('--peer', node.peers),
      ...repeated('--witness', node.witnesses),
      // A vault to try things out with: its webhooks are programs in another terminal.
      '--allow-loopback-webhooks',
      ...node.extraFlags,
    ],
    env: {
      MVAULT_STORAGE: node.storage,
      ...(node.redisUrl === undefined ? {} : { MVAULT_REDIS: node.redisUrl }),
    },
  };
}

function appScript(app: App): string {
  return fileURLToPath(new URL(`../../../apps/${app}/bin/${app}.js`, import.meta.url));
}
