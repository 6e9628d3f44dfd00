import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type ChaosLink, type LinkOptions, openLink } from '../src/index.ts';
import type { Address } from '../src/relay.ts';

async function listening(server: Server): Promise<Address> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  return { host: '127.0.0.1', port: typeof bound === 'object' && bound !== null ? bound.port : 0 };
}

/** A TCP server that answers every byte with itself; `received` is what came in from all connections. */
export async function echoServer(): Promise<{ address: Address; received(): string; sockets: Set<Socket> }> {
  let received = '';
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      socket.write(bytes);
    });
    socket.on('end', () => socket.end());
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { address: await listening(server), received: () => received, sockets };
}

export async function httpServer(handle: RequestListener): Promise<Address> {
  const server = createHttpServer(handle);
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return listening(server);
}

export async function link(options: LinkOptions): Promise<ChaosLink> {
  const opened = await openLink(options);
  onTestFinished(() => opened.close());
  return opened;
}

/** A client connection, with what it heard so far and how it ended. */
export interface Client {
  socket: Socket;
  heard(): string;
  /** `end` for an orderly end, else the code of the error. */
  ended: Promise<string>;
}

export async function client(to: Address): Promise<Client> {
  const socket = connect({ ...to, allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  let heard = '';
  const ended = new Promise<string>((resolve) => {
    socket.once('end', () => resolve('end'));
    socket.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
  });
  socket.on('data', (bytes) => {
    heard += bytes.toString('latin1');
  });
  await Promise.race([once(socket, 'connect'), ended]);
  return { socket, heard: () => heard, ended };
}
