import {
  type WebhookAnswer,
  type WebhookRequest,
  type WebhookTransport,
  WebhookTransportError,
  type WebhookTransportErrorCode,
} from '@message-vault/bus';
import { codeOf, messageOf } from '@message-vault/runtime';
import type { Dispatcher } from 'undici';
import { PinnedPools, type PinnedPoolsOptions } from './pinned-pools.ts';

export type WebhookTransportOptions = Partial<PinnedPoolsOptions>;

const DEFAULTS: PinnedPoolsOptions = {
  connectTimeoutMs: 5000,
  keepAliveMs: 4000,
  maxAnswerHeaderBytes: 16 * 1024,
};

/** HTTP/1.1 over undici, each connection to the one address it was asked for. No redirects, no proxies. */
export function undiciWebhookTransport(options: WebhookTransportOptions = {}): WebhookTransport {
  const pools = new PinnedPools({ ...DEFAULTS, ...options });
  let closed = false;
  return {
    async send(request) {
      if (closed) throw new WebhookTransportError('aborted', 'the sender is closed');
      const { url, address } = request;
      const { pool, release } = pools.take({ url, ...address });
      try {
        const exchange = new Exchange(request);
        exchange.dispatchOn(pool);
        return await exchange.answer;
      } finally {
        release();
      }
    },
    async close() {
      closed = true;
      await pools.close();
    },
  };
}

/** One request and its answer, as an undici handler. The head of the answer is what counts; the body is only drained. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: WebhookRequest;
  readonly #answer = Promise.withResolvers<WebhookAnswer>();
  #controller: Dispatcher.DispatchController | undefined;
  #bodyTimer: NodeJS.Timeout | undefined;
  #head: WebhookAnswer | undefined;
  #bodyBytes = 0;
  #started = false;
  #over = false;

  constructor(request: WebhookRequest) {
    this.#request = request;
  }

  get answer(): Promise<WebhookAnswer> {
    return this.#answer.promise;
  }

  dispatchOn(dispatcher: Dispatcher): void {
    const { method, url, headers, body, signal } = this.#request;
    if (signal.aborted) {
      this.#fail('aborted', 'given up before it was sent', signal.reason);
      return;
    }
    signal.addEventListener('abort', this.#onAbort, { once: true });
    try {
      const { path } = url;
      dispatcher.dispatch({ method, path, headers: { ...headers }, body: body ?? null }, this);
    } catch (cause) {
      // undici refuses what it has no use for (a header with a line break in it) right away.
      this.#fail('broken', messageOf(cause), cause);
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#started = true;
    if (this.#over) controller.abort(new Error('given up before it was sent'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: RawHeaders): void {
    if (status < 200) return;
    this.#head = { status, headers: flat(headers) };
    this.#bodyTimer = setTimeout(() => this.#cut(controller), this.#request.answerBodyTimeoutMs);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#bodyBytes += chunk.byteLength;
    if (this.#bodyBytes > this.#request.maxAnswerBytes) this.#cut(controller);
  }

  onResponseEnd(): void {
    // undici takes a connection for free only in the next turn of the event loop, after this has returned: whoever
    // heard of the answer before would open another one.
    queueMicrotask(() => setImmediate(() => this.#answered()));
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    // A body that breaks off changes nothing about what the head has said. A message may hold addresses and ports: those
    // that were connected to, which is no secret.
    if (this.#head === undefined) this.#fail(failureCode(error, this.#started), messageOf(error), error);
    else this.#answered();
  }

  /** The rest of the body is of no interest, only the connection would have been. */
  #cut(controller: Dispatcher.DispatchController): void {
    this.#answered();
    controller.abort(new Error('the answer goes on for too long'));
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.#request.signal.reason;
    if (this.#head === undefined) this.#fail('aborted', 'given up', reason);
    else this.#answered();
    this.#controller?.abort(reason instanceof Error ? reason : new Error('given up'));
  };

  #answered(): void {
    if (this.#over || this.#head === undefined) return;
    this.#settle();
    this.#answer.resolve(this.#head);
  }

  #fail(code: WebhookTransportErrorCode, message: string, cause: unknown): void {
    if (this.#over) return;
    this.#settle();
    this.#answer.reject(new WebhookTransportError(code, message, { cause }));
  }

  #settle(): void {
    this.#over = true;
    clearTimeout(this.#bodyTimer);
    this.#request.signal.removeEventListener('abort', this.#onAbort);
  }
}

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

function flat(headers: RawHeaders): Record<string, string> {
  const flattened: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flattened[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return flattened;
}

const CERTIFICATE = /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

function failureCode(error: Error, started: boolean): WebhookTransportErrorCode {
  if (CERTIFICATE.test(codeOf(error) ?? '')) return 'bad_certificate';
  return started ? 'broken' : 'unreachable';
}
