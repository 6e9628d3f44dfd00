import { Client, type Dispatcher, Pool } from 'undici';
import {
  type Transport,
  TransportError,
  type TransportErrorCode,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';

export interface UndiciTransportOptions {
  /** Requests without a lane use at most this many connections to one node; the rest wait their turn. */
  readonly maxConnectionsPerNode: number;
  /** Requests on one lane that may be on their way at once. */
  readonly pipelining: number;
  readonly connectTimeoutMs: number;
}

/** HTTP/1.1 over undici: one pipelining connection per lane and node, a bounded pool per node for everything else. */
export function undiciTransport(options: UndiciTransportOptions): Transport {
  const lanes = new Map<string, Lane>();
  const pools = new Map<string, Pool>();
  let closed = false;

  const connect = { timeout: options.connectTimeoutMs };
  function laneOf(url: string, lane: number): Lane {
    const key = `${url} ${lane}`;
    let found = lanes.get(key);
    if (found === undefined) {
      found = new Lane(new Client(url, { pipelining: options.pipelining, connect, allowH2: false }));
      lanes.set(key, found);
    }
    return found;
  }
  function poolOf(url: string): Pool {
    let found = pools.get(url);
    if (found === undefined) {
      found = new Pool(url, { connections: options.maxConnectionsPerNode, connect, allowH2: false });
      pools.set(url, found);
    }
    return found;
  }

  return {
    send(request) {
      if (closed)
        return Promise.reject(new TransportError('closed', 'the transport is closed', { sent: false }));
      const exchange = new Exchange(request);
      try {
        if (request.lane === undefined) exchange.dispatchOn(poolOf(request.url));
        else laneOf(request.url, request.lane).dispatch(exchange);
      } catch (cause) {
        // undici refuses what it is given (a URL it has no use for) right away: to the caller that is a failed request.
        exchange.onResponseError(undefined, cause instanceof Error ? cause : new Error(String(cause)));
      }
      return exchange.answer;
    },
    async close() {
      closed = true;
      const ending = [...lanes.values()].map((lane) => lane.client.destroy());
      for (const pool of pools.values()) ending.push(pool.destroy());
      await Promise.allSettled(ending);
    },
  };
}

/**
 * One pipelining connection. When it breaks, undici fails the request at the head and would quietly send the others
 * again on a new connection; whether and in which order to repeat is the publisher's to decide, so all that had been
 * started fail with it.
 */
class Lane {
  readonly client: Client;
  readonly #underWay = new Set<Exchange>();

  constructor(client: Client) {
    this.client = client;
    client.on('disconnect', (_origin, _targets, error) => {
      for (const exchange of this.#underWay) if (exchange.started) exchange.fail(error);
    });
  }

  dispatch(exchange: Exchange): void {
    this.#underWay.add(exchange);
    exchange.onSettled = () => this.#underWay.delete(exchange);
    exchange.dispatchOn(this.client);
  }
}

/** One request and its answer, as an undici handler. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly answer: Promise<TransportResponse>;
  started = false;
  onSettled: (() => void) | undefined;
  readonly #request: TransportRequest;
  #controller: Dispatcher.DispatchController | undefined;
  #settled = false;
  #status = 0;
  #headers: Record<string, string> = {};
  #body = new BodyCollector();
  #resolve: (response: TransportResponse) => void = () => {};
  #reject: (error: TransportError) => void = () => {};

  constructor(request: TransportRequest) {
    this.#request = request;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  dispatchOn(dispatcher: Dispatcher): void {
    const { method, path, headers, body, lane, stallTimeoutMs, signal } = this.#request;
    if (signal?.aborted) {
      this.#fail('aborted', 'aborted before it was sent', signal.reason);
      return;
    }
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    dispatcher.dispatch(
      {
        method,
        path,
        headers: { ...headers },
        body: body ?? null,
        // Without these two, undici holds a POST back until the answer before it has come.
        ...(lane === undefined ? {} : { idempotent: true, blocking: false }),
        headersTimeout: stallTimeoutMs,
        bodyTimeout: stallTimeoutMs,
      },
      this,
    );
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settled) controller.abort(new Error('given up before it was sent'));
    this.started = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHeaders,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = flatHeaders(headers);
    this.#body = new BodyCollector(Number(this.#headers['content-length']), this.#request.maxResponseBytes);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (!this.#body.add(chunk)) {
      const limit = this.#request.maxResponseBytes;
      this.#fail('too_large', `the answer is larger than ${limit} bytes`, undefined);
      this.#controller?.abort(new Error('answer too large'));
    }
  }

  onResponseEnd(): void {
    if (this.#settled) return;
    this.#settle();
    this.#resolve({ status: this.#status, headers: this.#headers, body: this.#body.bytes() });
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#fail(failureCode(error, this.started), error.message, error);
  }

  /** The connection this was started on broke. */
  fail(error: Error): void {
    this.#fail('lost', error.message, error);
    this.#controller?.abort(error);
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.#request.signal?.reason;
    this.#fail('aborted', 'aborted', reason);
    this.#controller?.abort(reason instanceof Error ? reason : new Error('aborted'));
  };

  #fail(code: TransportErrorCode, message: string, cause: unknown): void {
    if (this.#settled) return;
    this.#settle();
    const { method, url, path } = this.#request;
    this.#reject(
      new TransportError(code, `${method} ${url}${path}: ${message}`, { sent: this.started, cause }),
    );
  }

  #settle(): void {
    this.#settled = true;
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
    this.onSettled?.();
  }
}

type IncomingHeaders = Readonly<Record<string, string | string[] | undefined>>;

function flatHeaders(headers: IncomingHeaders): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) flat[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return flat;
}

const timeoutCodes = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);
const closedCodes = new Set(['UND_ERR_DESTROYED', 'UND_ERR_CLOSED']);

function failureCode(error: Error & { code?: unknown }, started: boolean): TransportErrorCode {
  const code = typeof error.code === 'string' ? error.code : '';
  if (timeoutCodes.has(code)) return 'timeout';
  if (closedCodes.has(code)) return 'closed';
  return started ? 'lost' : 'unreachable';
}

/** Gathers a body into one piece: copied straight into place when the length is known beforehand. */
class BodyCollector {
  readonly #maxBytes: number;
  readonly #whole: Uint8Array | undefined;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(announcedBytes = Number.NaN, maxBytes = 0) {
    this.#maxBytes = maxBytes;
    if (announcedBytes > 0 && announcedBytes <= maxBytes)
      this.#whole = Buffer.allocUnsafeSlow(announcedBytes);
  }

  /** False when it would be more than allowed. */
  add(chunk: Uint8Array): boolean {
    const end = this.#length + chunk.byteLength;
    if (end > (this.#whole?.byteLength ?? this.#maxBytes)) return false;
    if (this.#whole === undefined) this.#chunks.push(chunk);
    else this.#whole.set(chunk, this.#length);
    this.#length = end;
    return true;
  }

  bytes(): Uint8Array {
    return this.#whole ?? Buffer.concat(this.#chunks, this.#length);
  }
}
