import type { IncomingMessage } from 'node:http';
import WebSocket from 'ws';
import { parseProblem } from '../answers.ts';
import { VaultClientError } from '../errors.ts';
import { problemError, refusalCode } from '../problems.ts';

export interface SocketOptions {
  /** Of the node. */
  readonly url: string;
  /** Path and query. */
  readonly path: string;
  readonly protocol: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly handshakeTimeoutMs: number;
  /** The largest message to take, bytes. */
  readonly maxBytes: number;
  /** Called before the first message. */
  readonly onOpen: (socket: Socket) => void;
  readonly onText?: (text: string) => void;
  readonly onBytes?: (bytes: Buffer) => void;
}

/** An open connection. */
export interface Socket {
  /** Text as text, bytes as binary. What is sent over a connection that has ended is lost. */
  send(data: string | Uint8Array): void;
  /** Resolves when little waits to go out, or the connection has ended. */
  room(): Promise<void>;
  /** Says goodbye; what was sent before arrives before. */
  close(): void;
  /** Breaks off. */
  terminate(): void;
}

/** How a connection ended: the code and reason of RFC 6455. */
export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
}

const GOING = 1000;
/** How long the other end may take to say goodbye as well. */
const CLOSE_TIMEOUT_MS = 2000;
const MAX_PROBLEM_BYTES = 64 * 1024;
/** What waits to go out before whoever sends has to wait. */
const MAX_BUFFERED_BYTES = 1024 * 1024;

/** A connection from its beginning to its end. Errors: what the node refuses it with, and `unavailable`. */
export function connection(options: SocketOptions): Promise<SocketEnd> {
  const { url, path, protocol, headers, handshakeTimeoutMs, maxBytes, onOpen } = options;
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${path}`, protocol, {
    headers: { ...headers },
    handshakeTimeout: handshakeTimeoutMs,
    maxPayload: maxBytes,
    perMessageDeflate: false,
  });
  const ended = Promise.withResolvers<SocketEnd>();
  let isOpen = false;
  socket.on('open', () => {
    isOpen = true;
    onOpen(actionsOf(socket));
  });
  socket.on('message', (data, isBinary) => {
    if (!isBinary) options.onText?.(String(data));
    // Nothing else comes of the default binary type.
    else if (Buffer.isBuffer(data)) options.onBytes?.(data);
  });
  socket.on('unexpected-response', (_request, response) => {
    void refusalOf(response).then((error) => {
      ended.reject(error);
      socket.terminate();
    });
  });
  socket.on('error', (cause) => {
    // The end of an open connection is told by its code.
    const message = `no connection to ${url}: ${cause.message}`;
    if (!isOpen) ended.reject(new VaultClientError('unavailable', message, { cause }));
  });
  socket.on('close', (code, reason) => ended.resolve({ code, reason: reason.toString() }));
  return ended.promise;
}

/** An end that nobody meant as one. */
export function lostConnection({ code, reason }: SocketEnd): VaultClientError {
  return new VaultClientError(
    'unavailable',
    `the connection ended (${code}${reason === '' ? '' : `: ${reason}`})`,
  );
}

function actionsOf(socket: WebSocket): Socket {
  const waiting: (() => void)[] = [];
  const hasRoom = (): boolean =>
    socket.readyState !== WebSocket.OPEN || socket.bufferedAmount <= MAX_BUFFERED_BYTES;
  const wake = (): void => {
    if (hasRoom()) for (const resolve of waiting.splice(0)) resolve();
  };
  socket.once('close', wake);
  return {
    send: (data) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(data, wake);
    },
    room: () => (hasRoom() ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    close: () => {
      socket.close(GOING);
      setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref();
    },
    terminate: () => socket.terminate(),
  };
}

/** The node answered without taking the connection over. */
async function refusalOf(response: IncomingMessage): Promise<VaultClientError> {
  const { statusCode: status = 0 } = response;
  const headers = Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [name, String(value ?? '')]),
  );
  const answer = { status, headers, body: await bodyOf(response) };
  const problem = parseProblem(answer);
  return problemError(refusalCode(status, problem) ?? 'unavailable', answer, problem);
}

async function bodyOf(response: IncomingMessage): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const piece of response) {
      if (!(piece instanceof Uint8Array)) continue;
      bytes += piece.byteLength;
      if (bytes > MAX_PROBLEM_BYTES) break;
      pieces.push(piece);
    }
  } catch {
    // The status says enough.
  }
  return Buffer.concat(pieces);
}
