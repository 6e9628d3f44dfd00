import { MAX_FRAME_BYTES, RELAY_SUBPROTOCOL, RelayProtocolError } from '@message-vault/relay-protocol';
import { waitAtMost } from '@message-vault/runtime';
import { checkFunction, wholeNumber } from '../checks.ts';
import type { Door } from '../door.ts';
import { VaultClientError } from '../errors.ts';
import type { CallOptions } from '../questions.ts';
import { connection, lostConnection, type Socket, type SocketEnd } from '../router/socket.ts';
import { stayConnected } from '../router/stay-connected.ts';
import type { RelayHandler, RelayProblem } from './handler.ts';
import { RelaySession } from './session.ts';

export interface RelayOptions extends CallOptions {
  /** Requests handled at once, 1 to 256; more go to other listeners, or get 503. Default 64. */
  readonly maxInFlight?: number | undefined;
  /** How long requests under way get to finish when listening ends. Default 10 s. */
  readonly drainMs?: number | undefined;
  /** Told whenever it is connected: from then on requests come. */
  readonly onConnected?: ((connected: { readonly url: string }) => void) | undefined;
  /** Told when the handler, or the body it gave, has failed. Default: a warning of the process. */
  readonly onProblem?: ((problem: RelayProblem) => void) | undefined;
}

const MAX_IN_FLIGHT = 256;
const MAX_DRAIN_MS = 86_400_000;
const HANDSHAKE_TIMEOUT_MS = 5000;
/** The code a node closes with when the name is no connection point any more: docs/relay.md. */
const NAME_GONE = 4404;

/** Serves a connection point until the signal fires. Errors: what a node refuses for good; `unavailable`. */
export function listenToRelay(
  door: Door,
  name: string,
  handler: RelayHandler,
  options: RelayOptions,
): Promise<void> {
  checkFunction('handler', handler);
  checkFunction('onConnected', options.onConnected);
  checkFunction('onProblem', options.onProblem);
  wholeNumber('maxInFlight', options.maxInFlight ?? 1, 1, MAX_IN_FLIGHT);
  wholeNumber('drainMs', options.drainMs ?? 0, 0, MAX_DRAIN_MS);
  return new RelayListener(door, name, handler, options).run();
}

function warn({ method, path, error }: RelayProblem): void {
  process.emitWarning(`${method} ${path}: ${String(error)}`, 'MessageVaultRelay');
}

/** A connection and what is under way on it, until it has ended. */
interface Live {
  readonly session: RelaySession;
  readonly socket: Socket;
}

/** One listener of a connection point, over one connection after the other. */
class RelayListener {
  readonly #door: Door;
  readonly #name: string;
  readonly #handler: RelayHandler;
  readonly #options: RelayOptions;
  /** Usually one; while requests finish on a connection whose node leads no more, a new one is there already. */
  readonly #live = new Map<Live, Promise<unknown>>();

  constructor(door: Door, name: string, handler: RelayHandler, options: RelayOptions) {
    this.#door = door;
    this.#name = name;
    this.#handler = handler;
    this.#options = options;
  }

  async run(): Promise<void> {
    const asking = { operation: `relay ${this.#name}`, ...this.#door.asking(this.#options) };
    const { signal } = asking;
    try {
      await stayConnected(this.#door.context, asking, (url, onOpen) => this.#connection(url, signal, onOpen));
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await this.#drain();
    }
    // The caller's own signal ends it well; anything else is a failure.
    if (!this.#options.signal?.aborted) signal.throwIfAborted();
  }

  /** Until the connection has ended, or takes no more requests. Errors: `unavailable`, and what is final. */
  async #connection(url: string, signal: AbortSignal, onOpen: () => void): Promise<void> {
    const { context } = this.#door;
    const guard = context.pulse.guard(url);
    const over = Promise.withResolvers<void>();
    const stop = (): void => over.resolve();
    let live: Live | undefined;
    const breakOff = (): void => live?.socket.terminate();
    signal.addEventListener('abort', stop, { once: true });
    guard.signal.addEventListener('abort', breakOff, { once: true });
    const ended = this.#connect(url, stop, (opened) => {
      live = opened;
      this.#live.set(opened, ended);
      context.nodes.reached(url);
      onOpen();
      this.#options.onConnected?.({ url });
      if (signal.aborted) stop();
    }).finally(() => {
      guard.release();
      guard.signal.removeEventListener('abort', breakOff);
      live?.session.lost();
      if (live !== undefined) this.#live.delete(live);
    });
    ended.then((end) => over.reject(endOf(this.#name, end)), over.reject);
    try {
      await over.promise;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  #connect(url: string, onMoved: () => void, onOpen: (live: Live) => void): Promise<SocketEnd> {
    let live: Live | undefined;
    return connection({
      url,
      path: `/${this.#name}/-/listen`,
      protocol: RELAY_SUBPROTOCOL,
      headers: this.#door.context.headers,
      handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
      maxBytes: MAX_FRAME_BYTES,
      onOpen: (socket) => {
        live = { socket, session: this.#session(socket, onMoved) };
        onOpen(live);
      },
      onBytes: (bytes) => {
        try {
          live?.session.received(bytes);
        } catch (error) {
          if (!(error instanceof RelayProtocolError)) throw error;
          // Not the protocol that was agreed upon: another node may speak it.
          live?.socket.terminate();
        }
      },
    });
  }

  #session(socket: Socket, onMoved: () => void): RelaySession {
    const { maxInFlight = 64, onProblem = warn } = this.#options;
    return new RelaySession({
      link: socket,
      handler: this.#handler,
      maxInFlight,
      onProblem,
      onMoved,
      onIdle: () => socket.close(),
    });
  }

  /** What is under way is finished, as far as time allows. */
  async #drain(): Promise<void> {
    const { drainMs = 10_000 } = this.#options;
    const ended = Promise.allSettled(this.#live.values());
    for (const { session } of [...this.#live.keys()]) session.drain();
    await waitAtMost(this.#door.context.runtime, drainMs, ended);
    for (const { socket } of this.#live.keys()) socket.terminate();
    await ended;
  }
}

function endOf(name: string, end: SocketEnd): VaultClientError {
  if (end.code !== NAME_GONE) return lostConnection(end);
  return new VaultClientError('not_found', `${name} is no connection point any more`);
}
