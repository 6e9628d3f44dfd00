import { type WebhookTransport, WebhookTransportError } from '@message-vault/bus';
import { hashOf } from '@message-vault/checkers';
import { NetError, type NetRequest, type NetResponse } from '../network/exchange.ts';
import type { Network, Server } from '../network/network.ts';
import type { History } from '../workload/history.ts';
import { nameIn } from '../workload/messages.ts';
import type { SimProcess } from '../world/process.ts';
import { type BusSurroundings, Program, pause } from './program.ts';
import type { SinkSetup } from './setup.ts';

interface Push {
  readonly subscriber: string;
  readonly producer: string;
  readonly sequence: number;
}

/**
 * Acknowledgements of webhooks. One counts once its answer has reached the node that pushed; what a node that has died was
 * going to be told counts, too: it may have been told. An answer that was lost on the way, or came too late, is none: the
 * router can't know of it, and goes on with another subscriber.
 */
export class PushBook {
  readonly #history: History;
  readonly #open = new Map<string, { forget: () => void; answered: Push | undefined }>();
  #count = 0;

  constructor(history: History) {
    this.#history = history;
  }

  begin(sender: SimProcess): string {
    const id = String(this.#count++);
    const forget = sender.onDeath(() => this.end(id, true));
    this.#open.set(id, { forget, answered: undefined });
    return id;
  }

  answered(id: string, push: Push): void {
    const open = this.#open.get(id);
    if (open !== undefined) open.answered ??= push;
  }

  /** `counts`: the node has, or may have, had the answer. */
  end(id: string, counts: boolean): void {
    const open = this.#open.get(id);
    this.#open.delete(id);
    open?.forget();
    if (counts && open?.answered !== undefined) this.#history.add({ kind: 'taken', ...open.answered });
  }
}

/** The receiver of a webhook. */
export class Sink extends Program implements Server {
  readonly #setup: SinkSetup;
  readonly #book: PushBook;

  constructor(setup: SinkSetup, around: BusSurroundings, book: PushBook) {
    super(setup.name, around);
    this.#setup = setup;
    this.#book = book;
    around.network.listen(urlOfSink(setup.name), this);
  }

  protected begin(): void {
    // It only answers.
  }

  async serve(request: NetRequest): Promise<NetResponse> {
    const { process } = this;
    if (process === undefined) return new Promise(() => {});
    if (request.method === 'OPTIONS') return answer(200, { 'webhook-allowed-origin': '*' });
    const { refuse, hang, mostWorkMs } = this.#setup;
    await pause(process, mostWorkMs * this.random.next());
    const isCalm = this.around.world.nowMs > this.around.world.calmAtMs;
    if (!isCalm && this.random.chance(refuse)) return answer(503, {});
    if (!isCalm && this.random.chance(hang)) return new Promise(() => {});
    this.#taken(request);
    return answer(204, {});
  }

  #taken({ body = new Uint8Array(), headers }: NetRequest): void {
    const named = nameIn(body);
    if (named === undefined) {
      this.around.world.broken('corrupt', `${this.name} was pushed what nobody published`);
      return;
    }
    const push = { subscriber: this.name, ...named };
    this.around.history.add({ kind: 'pushed', ...push, hash: hashOf(body) });
    this.#book.answered(headers['push-id'] ?? '', push);
  }
}

/** Every name stands for an address that may be pushed to; the request goes by the host's name. */
export const resolveSinks = async () => [{ address: '93.184.215.14', family: 4 as const }];

export function webhookOf(sink: string): string {
  return `https://${sink}.test/`;
}

function urlOfSink(sink: string): string {
  return `sink://${sink}.test`;
}

const TIMEOUT_MS = 60_000;

/** What a node pushes through. */
export function sinkTransport(network: Network, process: SimProcess, book: PushBook): WebhookTransport {
  return {
    async send({ url, method, headers, body, signal }) {
      const id = book.begin(process);
      const request = { method, path: url.path, headers: { ...headers, 'push-id': id }, body };
      try {
        const given = await network.send(process, `sink://${url.hostname}`, request, {
          timeoutMs: TIMEOUT_MS,
          signal,
        });
        book.end(id, given.status < 300);
        return { status: given.status, headers: given.headers };
      } catch (error) {
        book.end(id, false);
        if (!(error instanceof NetError)) throw error;
        const code = error.code === 'aborted' ? 'aborted' : error.sent ? 'broken' : 'unreachable';
        throw new WebhookTransportError(code, error.message, { cause: error });
      }
    },
    close: async () => {},
  };
}

function answer(status: number, headers: Readonly<Record<string, string>>): NetResponse {
  return { status, headers, body: new Uint8Array() };
}
