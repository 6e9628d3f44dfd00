import type { IncomingMessage, ServerResponse } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { type HttpPeer, startPeer } from './http-peer.ts';

interface Held {
  readonly id: string;
  readonly message: object;
  deliveryCount: number;
  /** Whole seconds a PUT asked for, as it came. */
  releasedFor: (string | null)[];
  lock: { id: string; until: number } | undefined;
  gone: boolean;
}

const LOOK_EVERY_MS = 50;

type Instead = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A node that speaks the queue's and the listener's part of the contract, one queue and one router under any name. */
export class BusPeer {
  readonly messages: Held[] = [];
  readonly acknowledged: string[] = [];
  readonly deadLettered: { id: string; reason: string }[] = [];
  readonly requests: string[] = [];
  readonly sockets: WebSocket[] = [];
  readonly acks: number[] = [];
  readonly connects: string[] = [];
  lockMs = 60_000;
  stats: object = { router: 'shop/work', distribution: 'one', subscriptions: 0, nextOffset: 5 };
  /** Answers something else, or breaks off; true when it has. */
  instead: Instead = () => false;
  onAck: (offset: number, socket: WebSocket) => void = (offset, socket) =>
    socket.send(JSON.stringify({ type: 'acked', offset }));
  onConnect: (socket: WebSocket) => void = () => {};
  readonly #peer: HttpPeer;
  #locks = 0;
  #polls: (() => void)[] = [];

  private constructor(peer: HttpPeer) {
    this.#peer = peer;
    const sockets = new WebSocketServer({ server: peer.server });
    sockets.on('connection', (socket, request) => {
      this.sockets.push(socket);
      this.connects.push(request.url ?? '');
      socket.on('message', (data) => {
        const { offset } = JSON.parse(String(data));
        this.acks.push(offset);
        this.onAck(offset, socket);
      });
      this.onConnect(socket);
    });
  }

  static async start(): Promise<BusPeer> {
    let handle: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void = () => {};
    const peer = await startPeer((request, response, body) => handle(request, response, body));
    const made = new BusPeer(peer);
    handle = (request, response, body) => made.#handle(request, response, body);
    return made;
  }

  get url(): string {
    return this.#peer.url;
  }

  put(...messages: (object & { id: string })[]): void {
    for (const message of messages)
      this.messages.push({
        id: message.id,
        message,
        deliveryCount: 0,
        releasedFor: [],
        lock: undefined,
        gone: false,
      });
    for (const poll of this.#polls.splice(0)) poll();
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    for (const socket of this.sockets) socket.terminate();
    return this.#peer[Symbol.asyncDispose]();
  }

  #handle(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const { method = '', url = '' } = request;
    if (!url.startsWith('/-/')) this.requests.push(`${method} ${url}`);
    if (this.instead(request, response)) return;
    const [path = '', query = ''] = url.split('?');
    const parameters = new URLSearchParams(query);
    const [, resource = '', id = '', verb = ''] = /\/-\/(\w+)(?:\/([^/]+))?(?:\/([\w-]+))?$/.exec(path) ?? [];
    if (resource === 'head') this.#head(method, Number(parameters.get('timeout')), response);
    else if (resource === 'locks')
      this.#lock(method, decodeURIComponent(id), verb, parameters, body, response);
    else this.answer(response, 200, this.stats);
  }

  #head(method: string, timeout: number, response: ServerResponse): void {
    if (response.destroyed) return;
    const now = Date.now();
    const next = this.messages.find(({ gone, lock }) => !gone && (lock?.until ?? 0) <= now);
    if (next === undefined) {
      if (timeout === 0) {
        response.writeHead(204).end();
        return;
      }
      const poll = (): void => {
        clearTimeout(timer);
        this.#head(method, timeout, response);
      };
      // Locks end by themselves.
      const timer = setTimeout(() => {
        this.#polls = this.#polls.filter((each) => each !== poll);
        poll();
      }, LOOK_EVERY_MS);
      this.#polls.push(poll);
      return;
    }
    next.deliveryCount += 1;
    if (method === 'DELETE') next.gone = true;
    this.#locks += 1;
    next.lock = { id: `lock-${this.#locks}`, until: now + this.lockMs };
    const { deliveryCount } = next;
    const lock = { id: next.lock.id, until: new Date(next.lock.until).toISOString() };
    this.answer(response, 201, { ...next.message, deliveryCount, ...(method === 'POST' ? { lock } : {}) });
  }

  #lock(
    method: string,
    id: string,
    verb: string,
    parameters: URLSearchParams,
    body: Buffer,
    response: ServerResponse,
  ): void {
    const held = this.messages.find(({ lock, gone }) => !gone && lock?.id === id);
    if (held?.lock === undefined || held.lock.until <= Date.now()) {
      this.answer(response, 410, { code: 'lock_lost', status: 410, detail: 'the lock is lost' });
      return;
    }
    if (method === 'DELETE' || verb !== '') held.gone = true;
    if (method === 'DELETE') this.acknowledged.push(held.id);
    if (verb === 'dead-letter') this.deadLettered.push({ id: held.id, ...JSON.parse(body.toString()) });
    if (method === 'POST' && verb === '') {
      held.lock.until = Date.now() + this.lockMs;
      this.answer(response, 200, { lockedUntil: new Date(held.lock.until).toISOString() });
      return;
    }
    if (method === 'PUT') {
      held.lock = undefined;
      held.releasedFor.push(parameters.get('delay'));
    }
    this.answer(response, 200, {});
    for (const poll of this.#polls.splice(0)) poll();
  }

  answer(response: ServerResponse, status: number, body: object): void {
    const type = status < 400 ? 'application/json' : 'application/problem+json';
    response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
  }
}
