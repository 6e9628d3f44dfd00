import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { storageError } from './azure-answers.ts';
import type { HttpMode, Mode } from './modes.ts';
import type { Address } from './relay.ts';

export interface HttpStats {
  requests: number;
  /** Requests that got an error of ours, or whose answer was swallowed. */
  disturbed: number;
}

/** Headers that speak of one connection, and must not go on to the next. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'upgrade']);
const MAX_HEADER_BYTES = 64 * 1024;

/**
 * A reverse proxy that passes every request and answer on as they are: method, path, `Host`, order and case of headers.
 * (A SharedKey signature covers the path and some headers, but neither host nor port, so requests stay signed.)
 * Each connection of a client has one of its own to the target and ends with it, so that a target closing an idle
 * connection is seen by the client as it would be without us. WebSockets are not passed on.
 */
export class HttpLayer {
  readonly #target: Address;
  readonly #random: () => number;
  readonly #server: Server;
  readonly #agents = new WeakMap<Socket, Agent>();
  readonly #paired = new WeakSet<Socket>();
  readonly #stats: HttpStats = { requests: 0, disturbed: 0 };
  #mode: HttpMode | undefined;

  constructor(target: Address, random: () => number) {
    this.#target = target;
    this.#random = random;
    this.#server = createServer(
      {
        keepAliveTimeout: 0,
        requestTimeout: 0,
        headersTimeout: 0,
        maxHeaderSize: MAX_HEADER_BYTES,
        noDelay: true,
      },
      (incoming, answer) => this.#handle(incoming, answer),
    );
    // A write whose sender has hung up is carried out all the same: that is what a network does with what it holds.
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    this.#server.on('connection', (client: Socket) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      this.#agents.set(client, agent);
      client.on('error', () => {});
      client.on('close', () => agent.destroy());
    });
  }

  get stats(): HttpStats {
    return { ...this.#stats };
  }

  async listen(): Promise<Address> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    const bound = this.#server.address();
    return { host: '127.0.0.1', port: typeof bound === 'object' && bound !== null ? bound.port : 0 };
  }

  setMode(mode: Mode): void {
    this.#mode = mode.mode === 'errors' || mode.mode === 'drop-answer' ? mode : undefined;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #handle(incoming: IncomingMessage, answer: ServerResponse): void {
    this.#stats.requests += 1;
    const mode = this.#mode;
    const disturbed = mode !== undefined && concerns(mode, incoming) && this.#random() < mode.share;
    if (disturbed) this.#stats.disturbed += 1;
    if (disturbed && mode.mode === 'errors') {
      incoming.resume();
      storageError(answer, { status: mode.status, retryAfterSeconds: mode.retryAfterSeconds, to: incoming });
      return;
    }
    this.#forward(incoming, answer, disturbed);
  }

  #forward(incoming: IncomingMessage, answer: ServerResponse, dropAnswer: boolean): void {
    const client = incoming.socket;
    const reset = (): void => void client.resetAndDestroy();
    const outgoing = request({
      ...this.#target,
      agent: this.#agents.get(client),
      method: incoming.method,
      path: incoming.url,
      headers: passedOn(incoming.rawHeaders),
      setHost: false,
      setDefaultHeaders: false,
    });
    outgoing.on('error', reset);
    outgoing.on('socket', (upstream) => this.#endWith(upstream, client));
    outgoing.on('response', (response) => {
      response.on('error', reset);
      if (dropAnswer) response.resume().on('end', reset);
      else passBack(response, answer);
    });
    const giveUp = (): void => void outgoing.destroy();
    // Nobody waits for the answer to a read any more: a stream of news may have nothing to say for a long time.
    if (isRead(incoming)) client.once('end', giveUp);
    answer.on('close', () => {
      client.off('end', giveUp);
      if (!answer.writableFinished) giveUp();
    });
    incoming.pipe(outgoing);
  }

  /** When the target ends its connection, the client's ends too. */
  #endWith(upstream: Socket, client: Socket): void {
    if (this.#paired.has(upstream)) return;
    this.#paired.add(upstream);
    upstream.once('close', () => client.end());
  }
}

function passBack(response: IncomingMessage, answer: ServerResponse): void {
  answer.sendDate = false;
  answer.writeHead(response.statusCode ?? 502, response.statusMessage, passedOn(response.rawHeaders));
  answer.flushHeaders();
  response.pipe(answer);
}

/** Raw headers, name and value in turn, without those that end here. */
function passedOn(raw: readonly string[]): string[] {
  return raw.filter((_, index) => !HOP_BY_HOP.has((raw[index - (index % 2)] ?? '').toLowerCase()));
}

function concerns({ only }: HttpMode, incoming: IncomingMessage): boolean {
  return only === 'all' || (only === 'reads') === isRead(incoming);
}

/** Taking messages from an Azure queue is a GET, and changes it all the same: only a peek leaves them as they are. */
const takesMessages = /\/messages\?(?=.*\bnumofmessages=)(?!.*\bpeekonly=true\b)/;

const isRead = ({ method, url = '' }: IncomingMessage): boolean =>
  method === 'HEAD' || (method === 'GET' && !takesMessages.test(url));
