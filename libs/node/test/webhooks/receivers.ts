import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { testCertificate } from './certificate.ts';

/** A webhook receiver of a test, on a port of its own. Gone when the test is. */
export interface Receiver {
  readonly port: number;
  /** What has come in, whole. */
  readonly requests: { method: string; path: string; headers: IncomingMessage['headers']; body: Buffer }[];
  /** Connections accepted so far. */
  readonly connections: () => number;
}

export type Answer = (response: ServerResponse, request: Receiver['requests'][number]) => void;

export function receiver(answer: Answer, options: { tls?: boolean } = {}): Promise<Receiver> {
  const requests: Receiver['requests'] = [];
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const whole = { method, path, headers, body: Buffer.concat(chunks) };
      requests.push(whole);
      answer(response, whole);
    });
  };
  const server = options.tls ? createSecureServer(testCertificate, listener) : createServer(listener);
  return listening(server, requests);
}

/** A server that speaks no HTTP of its own accord. */
export function rawReceiver(server: Server): Promise<Receiver> {
  return listening(server, []);
}

async function listening(server: Server, requests: Receiver['requests']): Promise<Receiver> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return { port, requests, connections: () => connections };
}
