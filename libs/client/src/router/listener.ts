import { isUuid } from '@message-vault/framing';
import { randomUuid } from '@message-vault/runtime';
import { isMembers } from '../answers.ts';
import { checkFunction, wholeNumber } from '../checks.ts';
import type { Door } from '../door.ts';
import { VaultClientError } from '../errors.ts';
import { askNameStats } from '../names/stats.ts';
import type { CallOptions } from '../questions.ts';
import { type ReadFrom, toPlace, toQuery } from '../read/start.ts';
import { Inbox } from './inbox.ts';
import { RouterMessage } from './message.ts';
import { connection, lostConnection, type Socket, type SocketEnd } from './socket.ts';
import { stayConnected } from './stay-connected.ts';

export type { RouterMessage } from './message.ts';

/** What is done with a message. When it resolves, the message is acknowledged; when it throws, it is tried again later. */
export type ListenerHandler = (message: RouterMessage) => Promise<unknown> | unknown;

/** The handler threw. It gets the same message again after `retryAfterMs`. */
export interface ListenerProblem {
  readonly kind: 'handler_failed';
  readonly message: RouterMessage;
  readonly error: unknown;
  readonly retryAfterMs: number;
}

export interface ListenerOptions extends CallOptions {
  /** A UUID: whoever comes back with it soon gets on where it was. Default: a new one. */
  readonly id?: string | undefined;
  /** Only messages it holds for: a condition on key and headers, see docs/filters.md. */
  readonly filter?: string | undefined;
  /** Routers of distribution `all`: where to begin. Default: what comes from now on. */
  readonly from?: ReadFrom | undefined;
  /** Messages handled at the same time, 1 to 1,000. Default 1: one after the other, in order. */
  readonly concurrency?: number | undefined;
  /**
   * Messages the node gives ahead of acknowledgements, 1 to 256. Default: 256; of routers that distribute to one, as many
   * as are handled at the same time, because a message that waits here for too long is given to somebody else as well.
   */
  readonly window?: number | undefined;
  /** Told whenever it is connected: from then on messages come. */
  readonly onConnected?: ((listener: { readonly id: string; readonly url: string }) => void) | undefined;
  /** Told when the handler has failed. Default: a warning of the process. */
  readonly onProblem?: ((problem: ListenerProblem) => void) | undefined;
}

const PROTOCOL = 'message-vault.v1';
const MAX_CONCURRENCY = 1000;
const MAX_WINDOW = 256;
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
/** Far more than a node hands out ahead of acknowledgements. */
const MAX_WAITING = 100_000;
const HANDSHAKE_TIMEOUT_MS = 5000;
/** What a node closes with: docs/listeners.md. */
const NAME_GONE = 4404;
const REPLACED = 4409;

export function listen(
  door: Door,
  name: string,
  handler: ListenerHandler,
  options: ListenerOptions,
): Promise<void> {
  wholeNumber('concurrency', options.concurrency ?? 1, 1, MAX_CONCURRENCY);
  wholeNumber('window', options.window ?? 1, 1, MAX_WINDOW);
  checkFunction('onProblem', options.onProblem);
  checkFunction('onConnected', options.onConnected);
  if (options.id !== undefined && !isUuid(options.id))
    throw new VaultClientError('invalid_argument', `id is a UUID, not ${JSON.stringify(options.id)}`);
  return new Listener(door, name, handler, options).run();
}

function warn({ message, error }: ListenerProblem): void {
  process.emitWarning(`message ${message.id}: ${String(error)}`, 'MessageVaultListener');
}

/** One subscriber of a router, over one connection after the other. */
class Listener {
  readonly #door: Door;
  readonly #name: string;
  readonly #id: string;
  readonly #options: ListenerOptions;
  readonly #inbox: Inbox;
  /** What the program does with problems has failed itself. */
  readonly #fatal = new AbortController();
  /** Where to begin, as long as nothing has come. */
  #from: string | undefined;
  /** The node gives out from where it is told: what comes while there is no connection is not missed. */
  #resumes = false;
  #socket: Socket | undefined;

  constructor(door: Door, name: string, handler: ListenerHandler, options: ListenerOptions) {
    const { runtime } = door.context;
    const { concurrency = 1, onProblem = warn, from } = options;
    this.#door = door;
    this.#name = name;
    this.#options = options;
    this.#id = options.id ?? randomUuid(runtime);
    this.#from = from === undefined ? undefined : toQuery(toPlace(from));
    this.#inbox = new Inbox({
      runtime,
      concurrency,
      handler,
      onFailure: (message, error, retryAfterMs) =>
        this.#tell(onProblem, { kind: 'handler_failed', message, error, retryAfterMs }),
      acknowledge: (offset) => this.#socket?.send(JSON.stringify({ type: 'ack', offset })),
    });
  }

  async run(): Promise<void> {
    const asking = this.#door.asking(this.#options);
    const signal = AbortSignal.any([asking.signal, this.#fatal.signal]);
    try {
      await this.#findPlace();
      const reconnecting = { ...asking, operation: `listen ${this.#name}`, signal };
      await stayConnected(this.#door.context, reconnecting, (url, onOpen) =>
        this.#connection(url, signal, onOpen),
      );
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await this.#leave();
    }
    // The caller's own signal ends it well; anything else is a failure.
    if (!this.#options.signal?.aborted) signal.throwIfAborted();
  }

  /** Of a router that distributes to one, the node itself knows what a listener that comes back has not acknowledged. */
  async #findPlace(): Promise<void> {
    const stats = await askNameStats(this.#door, this.#name, this.#options);
    if (stats.role !== 'router')
      throw new VaultClientError('rejected', `${this.#name} is a ${stats.role}, not a router`);
    this.#resumes = stats.distribution === 'all';
    if (this.#resumes && stats.nextOffset !== undefined) this.#from ??= String(stats.nextOffset);
  }

  /** Until the connection has ended. Errors: `unavailable` when it was lost, and what is final. */
  async #connection(url: string, signal: AbortSignal, onOpen: () => void): Promise<void> {
    const { context } = this.#door;
    const guard = context.pulse.guard(url);
    const leave = (): void => void this.#leave();
    const breakOff = (): void => this.#socket?.terminate();
    signal.addEventListener('abort', leave);
    guard.signal.addEventListener('abort', breakOff);
    try {
      const end = await this.#connect(url, (socket) => {
        this.#socket = socket;
        if (signal.aborted) leave();
        context.nodes.reached(url);
        onOpen();
        this.#options.onConnected?.({ id: this.#id, url });
      });
      if (!signal.aborted) throw endOf(this.#name, end);
    } finally {
      signal.removeEventListener('abort', leave);
      guard.signal.removeEventListener('abort', breakOff);
      guard.release();
      this.#socket = undefined;
      this.#inbox.disconnected();
    }
  }

  #connect(url: string, onOpen: (socket: Socket) => void): Promise<SocketEnd> {
    const { concurrency = 1, window = this.#resumes ? MAX_WINDOW : Math.min(concurrency, MAX_WINDOW) } =
      this.#options;
    const query = new URLSearchParams({ listener: this.#id, window: String(window) });
    if (this.#options.filter !== undefined) query.set('filter', this.#options.filter);
    const from = (this.#resumes ? this.#inbox.resumeAt?.toString() : undefined) ?? this.#from;
    if (from !== undefined) query.set('from', from);
    return connection({
      url,
      path: `/${this.#name}?${query}`,
      protocol: PROTOCOL,
      headers: this.#door.context.headers,
      handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
      maxBytes: MAX_FRAME_BYTES,
      onOpen,
      onText: (text) => this.#onFrame(text),
    });
  }

  #tell(onProblem: (problem: ListenerProblem) => void, problem: ListenerProblem): void {
    try {
      onProblem(problem);
    } catch (error) {
      this.#fatal.abort(error);
    }
  }

  #onFrame(text: string): void {
    try {
      const frame: unknown = JSON.parse(text);
      if (!isMembers(frame)) return;
      if (frame.type === 'message') this.#inbox.take(new RouterMessage(text, frame));
      else if (frame.type === 'acked' && typeof frame.offset === 'number') this.#acked(frame.offset);
      if (this.#inbox.waiting > MAX_WAITING) this.#socket?.terminate();
    } catch {
      // Not the protocol that was agreed upon: another node may speak it.
      this.#socket?.terminate();
    }
  }

  #acked(offset: number): void {
    if (!this.#resumes) this.#inbox.forget(offset);
    // What lies behind a message that is not through yet comes again with it.
    else this.#inbox.forgetBefore(this.#inbox.resumeAt ?? 0);
  }

  /** What has been begun is brought to its end and acknowledged, before the goodbye. */
  async #leave(): Promise<void> {
    await this.#inbox.stop();
    this.#socket?.close();
  }
}

/** Why a node let go of a listener, and whether it is worth coming back. */
function endOf(name: string, end: SocketEnd): VaultClientError {
  if (end.code === REPLACED)
    return new VaultClientError('conflict', `${name}: another listener has connected with the same id`);
  if (end.code === NAME_GONE) return new VaultClientError('not_found', `${name} is no router any more`);
  return lostConnection(end);
}
