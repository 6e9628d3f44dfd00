import { once } from 'node:events';
import { createServer } from 'node:net';
import { createNode, type VaultNode } from '@message-vault/node';
import { memoryStorage } from '@message-vault/storage';

/** Real nodes in this process over one storage in memory: a master, which leads, slaves and readers. */
export interface RealNodes extends AsyncDisposable {
  readonly urls: string[];
  readonly nodes: VaultNode[];
}

type App = 'master' | 'slave' | 'reader';

export async function startNodes(count: { slaves?: number; readers?: number }): Promise<RealNodes> {
  const apps: App[] = ['master', ...repeat('slave', count.slaves), ...repeat('reader', count.readers)];
  const ports = await freePorts(apps.length);
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const writers = urls.filter((_, index) => apps[index] !== 'reader');
  const storage = memoryStorage();
  const nodes: VaultNode[] = [];
  for (const [index, app] of apps.entries()) {
    const url = urls[index] ?? '';
    const peers = writers.filter((other) => other !== url);
    const identity = { nodeId: `${app}-${index + 1}`, app, port: ports[index] ?? 0 };
    const node = await createNode({ ...identity, peers, storage: 'memory', logLevel: 'silent' }, { storage });
    nodes.push(node);
    await ready(node);
  }
  return {
    urls,
    nodes,
    async [Symbol.asyncDispose]() {
      for (const node of nodes.toReversed()) await node.stop();
    },
  };
}

function repeat(app: App, times = 0): App[] {
  return Array.from({ length: times }, () => app);
}

/** Ports nobody listened on a moment ago, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function ready(node: VaultNode): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (let reason = node.notReady(); reason !== undefined; reason = node.notReady()) {
    if (Date.now() > deadline) throw new Error(`the node is not ready: ${reason}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
