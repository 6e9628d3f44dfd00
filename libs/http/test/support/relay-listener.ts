import { once } from 'node:events';
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  RELAY_SUBPROTOCOL,
  type RequestHead,
} from '@message-vault/relay-protocol';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { until } from './requests.ts';
import type { RunningNode } from './test-node.ts';

/** Gives the name the role of a connection point. */
export function makeConnectionPoint({ node }: RunningNode, name: string): void {
  node.others.set(name, {
    version: 1,
    name,
    role: 'connection-point',
    createdAt: 0,
    createdByEpoch: 1,
    policy: { authorization: 'none', discoverability: 'public', transportProtection: 'none' },
  });
}

/** What an HTTP client sees of a refused handshake. */
export interface Refusal {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Opens a WebSocket, closed when the test ends. Answers what it was refused with, if it was. */
export async function openSocket(
  url: string,
  protocol: string | string[],
  headers: Record<string, string> = {},
): Promise<WebSocket | Refusal> {
  const ws = new WebSocket(url.replace(/^http/, 'ws'), protocol, { headers, perMessageDeflate: false });
  onTestFinished(() => ws.terminate());
  ws.on('error', () => undefined);
  return await new Promise((resolve, reject) => {
    ws.once('open', () => resolve(ws));
    ws.once('close', (code) => reject(new Error(`closed with ${code} before it was open`)));
    ws.once('unexpected-response', (_request, response) => {
      ws.removeAllListeners('close');
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: JSON.parse(text || '{}') as Refusal['body'],
        }),
      );
    });
  });
}

export function isRefusal(answer: WebSocket | Refusal): answer is Refusal {
  return 'status' in answer;
}

/** A listener of a connection point that speaks frames by hand. */
export class FrameListener {
  readonly ws: WebSocket;
  readonly frames: Frame[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Answers requests by itself when set. */
  onRequest: ((stream: number, head: RequestHead) => void) | undefined;

  constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data: Buffer) => {
      const frame = decodeFrame(data);
      this.frames.push(frame);
      if (frame.type === 'request') this.onRequest?.(frame.stream, frame.head);
    });
    this.closed = once(ws, 'close').then(([code, reason]: unknown[]) => ({
      code: Number(code),
      reason: String(reason),
    }));
  }

  say(frame: Frame): void {
    this.ws.send(encodeFrame(frame));
  }

  answer(stream: number, text: string, headers: [string, string][] = []): void {
    this.say({ type: 'answer', stream, head: { status: 200, headers, body: true } });
    this.say({ type: 'data', stream, bytes: Buffer.from(text) });
    this.say({ type: 'end', stream });
  }

  /** Answers every request with this text. */
  answersAll(text: string): this {
    this.onRequest = (stream) => this.answer(stream, text);
    return this;
  }

  /** Bytes of bodies received. */
  get receivedBytes(): number {
    return this.frames.reduce((sum, frame) => sum + (frame.type === 'data' ? frame.bytes.length : 0), 0);
  }

  /** Waits for the request with this number on this connection. */
  async request(stream = 1): Promise<RequestHead> {
    let head: RequestHead | undefined;
    await until(() => {
      for (const frame of this.frames)
        if (frame.type === 'request' && frame.stream === stream) head = frame.head;
      return head !== undefined;
    });
    if (head === undefined) throw new Error('it was there a moment ago');
    return head;
  }

  async cancelled(stream = 1): Promise<string> {
    let code = '';
    await until(() => {
      for (const frame of this.frames)
        if (frame.type === 'cancel' && frame.stream === stream) code = frame.code;
      return code !== '';
    });
    return code;
  }
}

export async function connectListener(url: string, name = 'api'): Promise<FrameListener> {
  const ws = await openSocket(`${url}/${name}/-/listen`, RELAY_SUBPROTOCOL);
  if (isRefusal(ws)) throw new Error(`refused: ${JSON.stringify(ws)}`);
  return new FrameListener(ws);
}
