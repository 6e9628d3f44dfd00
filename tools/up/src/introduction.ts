import { relative, resolve } from 'node:path';
import type { Cluster } from './handle.ts';
import type { StorageChoice } from './options.ts';

/** What a person sees when the cluster is up: what runs where, and what to try next. */
export function introduction(cluster: Cluster, storage: StorageChoice): string {
  const { nodes } = cluster;
  const rows = [
    {
      id: typeof storage === 'object' ? 'storage' : 'azurite',
      url: cluster.storage.url,
      pid: cluster.storage.pid ?? '',
    },
    ...nodes.map(({ id, url, pid }) => ({ id, url, pid })),
  ];
  const width = Math.max(...rows.map(({ url }) => url.length));
  const table = rows.map(({ id, url, pid }) =>
    `  ${id.padEnd(10)} ${url.padEnd(width)}  ${pid && `pid ${pid}`}`.trimEnd(),
  );
  return ['', ...table, '', ...suggestions(cluster), '', ending(cluster, storage), ''].join('\n');
}

function suggestions(cluster: Cluster): string[] {
  const writer = cluster.nodes.find(({ app }) => app === 'master')?.url;
  const reader = cluster.nodes.find(({ app }) => app === 'reader')?.url ?? writer;
  // The command line looks for .vault/cluster.json; a cluster kept elsewhere has to be named.
  const url = cluster.dir === resolve('.vault') ? '' : ` --url ${writer}`;
  return [
    'Ready. Try, in another terminal:',
    '',
    `  curl -d '{"sku":1}' -H 'content-type: application/json' ${writer}/orders`,
    `  curl '${reader}/orders?from=earliest&limit=10'`,
    `  seq 1000 | npx mvault publish orders${url}`,
    `  npx mvault tail orders${url}`,
    `  npx mvault cluster${url}`,
    '',
    'Queues and routers, step by step: docs/tour.md',
  ];
}

function ending(cluster: Cluster, storage: StorageChoice): string {
  const end =
    storage === 'memory'
      ? 'Ctrl-C stops everything, and the data, in memory only, is gone then.'
      : 'Ctrl-C stops everything; the data stays.';
  return `Logs are in ${shown(cluster.dir)}/logs. ${end}`;
}

/** The last line: what is left after the stop. */
export function farewell(cluster: Cluster, storage: StorageChoice): string {
  const dir = shown(cluster.dir);
  if (storage === 'memory') return `Stopped. The data is gone; the logs are kept in ${dir}.`;
  if (storage === 'azurite') return `Stopped. Data and logs are kept in ${dir}.`;
  return `Stopped. The data stays in its storage; the logs are kept in ${dir}.`;
}

/** A folder as somebody in the working directory would type it. */
function shown(dir: string): string {
  const path = relative(process.cwd(), dir);
  return path === '' ? '.' : path.startsWith('..') ? dir : path;
}
