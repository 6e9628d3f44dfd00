import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A real HTTP server on a free port of this machine, doing what a test tells it. */
export interface HttpPeer extends AsyncDisposable {
  readonly url: string;
  readonly server: Server;
  /** Connections taken so far. */
  readonly connections: () => number;
}

export async function startPeer(
  handle: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void,
): Promise<HttpPeer> {
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => {});
    request.on('end', () => handle(request, response, Buffer.concat(chunks)));
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    server,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  return address.port;
}

/** A port nobody listens on. */
export async function deadUrl(): Promise<string> {
  const peer = await startPeer(() => {});
  await peer[Symbol.asyncDispose]();
  return peer.url;
}
