import { createServer, type Server } from 'node:net';
import { ClusterError } from './errors.ts';
import type { Ports } from './plan.ts';

const HOST = '127.0.0.1';

export interface Patience {
  /** How long a port may still be taken. Default: not at all. */
  readonly withinMs?: number;
  /** Ends the wait early. */
  readonly signal?: AbortSignal | undefined;
}

/** Throws ClusterError `port_taken` when somebody listens on a port of the plan, naming all of them and a way out. */
export async function requireFree(
  ports: Ports,
  withAzurite: boolean,
  { withinMs = 0, signal }: Patience = {},
): Promise<void> {
  const wanted = [
    ...(withAzurite
      ? [namedPort('Azurite, blobs', ports.blob), namedPort('Azurite, queues', ports.queue)]
      : []),
    ...ports.nodes.map((node) => namedPort(node.id, node.port)),
  ];
  const deadline = performance.now() + withinMs;
  let taken = await takenOf(wanted);
  while (taken.length > 0 && performance.now() < deadline && !signal?.aborted) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    taken = await takenOf(taken);
  }
  if (taken.length === 0) return;
  const list = taken.map(({ port, what }) => `  ${port}  (wanted for ${what})`).join('\n');
  throw new ClusterError(
    'port_taken',
    `Nothing was started: ${taken.length === 1 ? 'this port is' : 'these ports are'} taken on ${HOST}:\n${list}\n` +
      'Stop what listens there, or move the whole cluster:  npm start -- --port-base 8000',
  );
}

interface NamedPort {
  readonly what: string;
  readonly port: number;
}

const namedPort = (what: string, port: number): NamedPort => ({ what, port });

async function takenOf(wanted: readonly NamedPort[]): Promise<NamedPort[]> {
  const free = await Promise.all(wanted.map(({ port }) => isFree(port)));
  return wanted.filter((_, index) => !free[index]);
}

async function isFree(port: number): Promise<boolean> {
  try {
    await close(await listen(port));
    return true;
  } catch (error) {
    if (
      error instanceof Error &&
      'code' in error &&
      (error.code === 'EADDRINUSE' || error.code === 'EACCES')
    ) {
      return false;
    }
    throw error;
  }
}

/** `count` different ports that nobody listens on right now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0)));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map(close));
  return ports;
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: HOST, port, exclusive: true }, () => resolve(server));
  });
}

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
