import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from './exit.ts';

const DEFAULT_URLS = ['http://127.0.0.1:7001', 'http://127.0.0.1:7002', 'http://127.0.0.1:7003'];
const CLUSTER_FILE = join('.vault', 'cluster.json');

/**
 * The nodes to talk to: those given, or those of MVAULT_URLS (separated by commas or spaces), or those of the nearest
 * `.vault/cluster.json` in this folder or above it, or where `npm start` puts them. Throws UsageError.
 */
export function clusterUrls(
  given: readonly string[],
  from: { environment: string | undefined; folder: string },
): string[] {
  if (given.length > 0) return given.map((url) => checked(url, '--url'));
  const listed = (from.environment ?? '').split(/[\s,]+/).filter((url) => url !== '');
  if (listed.length > 0) return listed.map((url) => checked(url, 'MVAULT_URLS'));
  return nearestClusterFile(from.folder) ?? DEFAULT_URLS;
}

function checked(text: string, source: string): string {
  const url = URL.parse(text);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
  throw new UsageError(`${source}: ${JSON.stringify(text)} is no http or https URL`);
}

function nearestClusterFile(folder: string): string[] | undefined {
  for (let here = folder; ; here = dirname(here)) {
    const urls = readClusterFile(join(here, CLUSTER_FILE));
    if (urls !== undefined) return urls;
    if (dirname(here) === here) return undefined;
  }
}

/** Undefined when there is no such file, or nothing of use in it. */
function readClusterFile(path: string): string[] | undefined {
  try {
    const cluster: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const nodes = hasNodes(cluster) ? cluster.nodes : [];
    const urls = nodes.filter(hasUrl).map(({ url }) => url);
    return urls.length > 0 ? urls : undefined;
  } catch {
    return undefined;
  }
}

function hasNodes(value: unknown): value is { nodes: unknown[] } {
  return typeof value === 'object' && value !== null && 'nodes' in value && Array.isArray(value.nodes);
}

function hasUrl(value: unknown): value is { url: string } {
  return typeof value === 'object' && value !== null && 'url' in value && typeof value.url === 'string';
}
