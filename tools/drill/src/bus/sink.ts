import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type HistoryEvent, hashOf } from '@message-vault/checkers';
import { now, pause } from '../wait.ts';
import { identityOf } from '../workload/messages.ts';

export interface SinkOptions {
  /** Of the subscriber in the history. */
  readonly name: string;
  readonly record: (event: HistoryEvent) => void;
  readonly random: () => number;
}

/** How a sink behaves: as it should, taking requests and never answering, or not there at all. */
export type SinkMode = 'well' | 'hangs' | 'down';

const MAX_WORK_MS = 10;
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** The receiver of a webhook: writes down what it is given and what it has acknowledged. */
export class Sink {
  readonly #options: SinkOptions;
  readonly #server: Server;
  readonly #hanging = new Set<ServerResponse>();
  #mode: SinkMode = 'well';
  #port = 0;

  private constructor(options: SinkOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
  }

  static async open(options: SinkOptions): Promise<Sink> {
    const sink = new Sink(options);
    await sink.#listen();
    return sink;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  get name(): string {
    return this.#options.name;
  }

  async turn(mode: SinkMode): Promise<void> {
    if (mode === this.#mode) return;
    const wasDown = this.#mode === 'down';
    this.#mode = mode;
    if (mode === 'down') await this.close();
    else if (wasDown) await this.#listen();
    if (mode === 'hangs') return;
    for (const response of this.#hanging) response.destroy();
    this.#hanging.clear();
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** On the same port as before, if there was one: the subscription names it. */
  async #listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const address = this.#server.address();
    this.#port = isAddress(address) ? address.port : 0;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'OPTIONS') {
      response.writeHead(200, { 'WebHook-Allowed-Origin': '*', 'WebHook-Allowed-Rate': '*' }).end();
      return;
    }
    const body = await bodyOf(request);
    if (this.#mode !== 'well') {
      this.#hanging.add(response);
      return;
    }
    const { name: subscriber, record, random } = this.#options;
    const message = identityOf(headersOf(request));
    const given = { subscriber, producer: message.producer ?? 'nobody', sequence: message.sequence };
    record({ kind: 'pushed', at: now(), ...given, hash: hashOf(body) });
    await pause(random() * MAX_WORK_MS);
    if (response.destroyed) return;
    // From here on the answer may arrive, so the message counts as acknowledged.
    record({ kind: 'taken', at: now(), ...given });
    response.writeHead(204).end();
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    bytes += piece.byteLength;
    if (bytes > MAX_BODY_BYTES) throw new Error('a push larger than any message of a drill');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** The message's own headers, as pairs. */
function headersOf({ headers }: IncomingMessage): [string, string][] {
  const members: unknown = JSON.parse(String(headers['message-headers'] ?? '{}'));
  if (typeof members !== 'object' || members === null) return [];
  return Object.entries(members).map(([name, value]) => [name, String(value)]);
}

const isAddress = (address: AddressInfo | string | null): address is AddressInfo =>
  typeof address === 'object' && address !== null;
