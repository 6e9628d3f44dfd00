import {
  type CancelCode,
  decodeFrame,
  encodeFrame,
  type Frame,
  type HeaderList,
  type Link,
  RelayProtocolError,
  type RelayStream,
  type RequestHead,
  Streams,
} from '@message-vault/relay-protocol';
import { VaultClientError } from '../errors.ts';
import type { RelayedAnswer, RelayedRequest, RelayHandler, RelayProblem } from './handler.ts';

export interface SessionOptions {
  readonly link: Link;
  readonly handler: RelayHandler;
  /** Requests handled at once; more are refused, so that another listener gets them. */
  readonly maxInFlight: number;
  readonly onProblem: (problem: RelayProblem) => void;
  /** The node takes requests elsewhere from now on; those under way go on here. */
  readonly onMoved: () => void;
  /** Nothing is under way, after `drain` was called. */
  readonly onIdle: () => void;
}

/** The requests that come over one connection. */
export class RelaySession {
  readonly #options: SessionOptions;
  readonly #streams: Streams;
  readonly #running = new Set<AbortController>();
  #draining = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#streams = new Streams(options.link);
  }

  get inFlight(): number {
    return this.#running.size;
  }

  /** Throws RelayProtocolError when the node does not keep to the protocol. */
  received(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame.type === 'request') this.#begin(frame);
    else if (frame.type === 'going-away') this.#options.onMoved();
    else if (frame.type === 'answer') throw new RelayProtocolError('out_of_order', 'a node sent an answer');
    else this.#streams.handle(frame);
  }

  /** Takes no more requests, and finishes those it has. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#options.link.send(encodeFrame({ type: 'going-away', stream: 0 }));
    this.#tellWhenIdle();
  }

  /** The connection is gone. */
  lost(): void {
    const error = new VaultClientError('unavailable', 'the connection to the relay is gone');
    this.#streams.fail(error);
    for (const running of this.#running) running.abort(error);
  }

  #begin({ stream: id, head }: Extract<Frame, { type: 'request' }>): void {
    const running = new AbortController();
    const stream = this.#streams.open(id, {
      ended: () => undefined,
      cancelled: (code, reason) => running.abort(cancelledError(code, reason)),
    });
    if (!head.body) stream.incoming.end();
    if (this.#draining || this.#running.size >= this.#options.maxInFlight) {
      this.#streams.cancel(stream, 'refused', 'this listener has as much to do as it takes');
      return;
    }
    this.#running.add(running);
    void this.#serve(stream, head, running).finally(() => {
      this.#running.delete(running);
      this.#tellWhenIdle();
    });
  }

  async #serve(stream: RelayStream, head: RequestHead, running: AbortController): Promise<void> {
    const { handler, onProblem } = this.#options;
    try {
      const answer = await handler(requestOf(stream, head, running.signal));
      await this.#answer(stream, head.method, answer);
      this.#streams.close(stream);
    } catch (error) {
      // What fails because nobody waits for it any more is no news.
      if (!running.signal.aborted) onProblem({ method: head.method, path: head.path, error });
      this.#streams.cancel(stream, 'failed', 'the listener failed');
    } finally {
      stream.incoming.discard();
    }
  }

  async #answer(stream: RelayStream, method: string, answer: RelayedAnswer): Promise<void> {
    const { body, length } = bodyOf(answer);
    const hasBody = body !== undefined && method !== 'HEAD';
    const headers = headersOf(answer, length);
    const head = { status: answer.status ?? 200, headers, body: hasBody };
    if (this.#streams.find(stream.id) === undefined) return;
    this.#options.link.send(encodeFrame({ type: 'answer', stream: stream.id, head }));
    if (hasBody) await stream.outgoing.send(body);
  }

  #tellWhenIdle(): void {
    if (this.#draining && this.#running.size === 0) this.#options.onIdle();
  }
}

function cancelledError(code: CancelCode, reason: string): VaultClientError {
  return new VaultClientError('aborted', `nobody waits for the answer (${code}${reason && `: ${reason}`})`);
}

function requestOf(stream: RelayStream, head: RequestHead, signal: AbortSignal): RelayedRequest {
  const { method, path, headers: headerList, body: hasBody } = head;
  const headers: Record<string, string> = {};
  for (const [header, value] of headerList) {
    const name = header.toLowerCase();
    const known = headers[name];
    headers[name] = known === undefined ? value : `${known}, ${value}`;
  }
  return { method, path, headers, headerList, hasBody, body: stream.incoming, signal };
}

/** Nothing is no body. The length is known where the whole is there. */
function bodyOf({ body }: RelayedAnswer): {
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | undefined;
  length: number | undefined;
} {
  if (body === undefined) return { body: undefined, length: undefined };
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return { body, length: undefined };
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return { body: bytes.length === 0 ? undefined : [bytes], length: bytes.length };
}

function headersOf({ headers = {} }: RelayedAnswer, length: number | undefined): HeaderList {
  const list: (readonly [string, string])[] = [];
  for (const [name, value] of Object.entries(headers)) {
    for (const each of typeof value === 'string' ? [value] : value) list.push([name, each]);
  }
  const given = list.some(([name]) => name.toLowerCase() === 'content-length');
  return length === undefined || given ? list : [...list, ['content-length', String(length)]];
}
