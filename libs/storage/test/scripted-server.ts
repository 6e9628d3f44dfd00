import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { developmentAccount } from '../src/azure/connection-string.ts';

/** What the server does with one request. */
export type Action = (request: IncomingMessage, response: ServerResponse) => void;

/** An answer as Azure gives it, with `x-ms-error-code` where there is one. */
export function answers(status: number, errorCode?: string, headers: Record<string, string> = {}): Action {
  return (request, response) => {
    request.resume();
    request.on('end', () => {
      const codeHeader = errorCode === undefined ? {} : { 'x-ms-error-code': errorCode };
      response.writeHead(status, { ...codeHeader, ...headers });
      response.end(status === 304 || request.method === 'HEAD' ? undefined : headers['x-test-body']);
    });
  };
}

/** Takes the request and closes the connection without a word. */
export const hangsUp: Action = (request) => {
  request.resume();
  request.on('end', () => request.socket.destroy());
};

/** Closes the connection in the middle of a body it announced as longer. */
export const breaksOff: Action = (request, response) => {
  request.resume();
  response.writeHead(206, { 'content-length': '512', etag: '"0x1"' });
  response.write('only this', () => request.socket.destroy());
};

/** Takes the request and never answers. */
export const staysSilent: Action = (request) => {
  request.resume();
};

export interface ScriptedServer {
  readonly connectionString: string;
  readonly port: number;
  /** Method and path with query of every request so far. */
  readonly requests: string[];
  /** Most connections that were open at once. */
  mostConnections(): number;
  /** Connections opened so far. */
  connections(): number;
  /** Does what comes next with the requests that come next; the last action goes on for ever. */
  script(...actions: Action[]): void;
  /** When the server has got its `count`-th request. */
  received(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** A real HTTP server that answers as it is told: what a storage in trouble does, at will. */
export async function scriptedServer(): Promise<ScriptedServer> {
  let actions: Action[] = [];
  const requests: string[] = [];
  const open = { now: 0, most: 0, ever: 0 };
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    server.emit('scripted');
    const action = actions.length > 1 ? actions.shift() : actions[0];
    action?.(request, response);
  });
  server.on('connection', (socket) => {
    open.now++;
    open.ever++;
    open.most = Math.max(open.most, open.now);
    socket.on('close', () => open.now--);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    connectionString: `AccountName=${developmentAccount.name};AccountKey=${developmentAccount.key};BlobEndpoint=http://127.0.0.1:${port}/acc;QueueEndpoint=http://127.0.0.1:${port}/acc;`,
    port,
    requests,
    mostConnections: () => open.most,
    connections: () => open.ever,
    script: (...next) => {
      actions = next;
      requests.length = 0;
    },
    async received(count) {
      while (requests.length < count) await once(server, 'scripted');
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
