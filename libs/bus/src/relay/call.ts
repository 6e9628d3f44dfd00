import {
  type AnswerHead,
  type CancelCode,
  encodeFrame,
  type Link,
  RelayProtocolError,
  type RelayStream,
  type Streams,
} from '@message-vault/relay-protocol';
import type { Runtime, Timer } from '@message-vault/runtime';
import { RelayError } from './errors.ts';
import type { RelayAnswer, RelayRequest } from './types.ts';

/** The listener has not begun the request, and nothing of its body was read: another one may have it. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

export interface CallOptions {
  readonly link: Link;
  readonly streams: Streams;
  readonly runtime: Runtime;
  readonly answerTimeoutMs: number;
  readonly request: RelayRequest;
  /** Told once, when nothing is under way for this request any more. */
  readonly onOver: () => void;
}

/** One request given to one listener, from its first frame to the last of the answer. */
export class Call {
  readonly #options: CallOptions;
  readonly #stream: RelayStream;
  readonly #answer = Promise.withResolvers<RelayAnswer>();
  #answered = false;
  #isOver = false;
  #bodyBegun = false;
  #sent: boolean;
  #timer: Timer | undefined;
  readonly #onAbort = (): void =>
    this.#giveUp('client-gone', new RelayError('client_gone', 'nobody waits for the answer'));

  /** Throws RelayError `head_too_large`, with nothing sent. */
  constructor(id: number, options: CallOptions) {
    const { streams, request, link } = options;
    this.#options = options;
    const { method, path, headers, body } = request;
    const frame = requestFrame(id, { method, path, headers, body: body !== undefined });
    this.#stream = streams.open(id, {
      ended: () => this.#ended(),
      cancelled: (code, reason) => this.#cancelled(code, reason),
    });
    this.#sent = body === undefined;
    link.send(frame);
  }

  /** Errors: RelayError, Refused; whatever reading the request's body throws. */
  async run(): Promise<RelayAnswer> {
    const { signal, body } = this.#options.request;
    if (signal.aborted) {
      this.#onAbort();
      return await this.#answer.promise;
    }
    signal.addEventListener('abort', this.#onAbort, { once: true });
    this.touch();
    if (body !== undefined) void this.#sendBody(body);
    return await this.#answer.promise;
  }

  /** There was a sign of life for this request. */
  touch(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#answered) return;
    const { runtime, answerTimeoutMs } = this.#options;
    const late = new RelayError('timed_out', `the listener gave no sign for ${answerTimeoutMs} ms`);
    this.#timer = runtime.setTimer(answerTimeoutMs, () => this.#giveUp('timed-out', late));
  }

  /** Throws RelayProtocolError when it was answered before. */
  answer(head: AnswerHead): void {
    if (this.#answered) throw new RelayProtocolError('out_of_order', 'a request was answered twice');
    this.#answered = true;
    this.touch();
    const { incoming } = this.#stream;
    const body = head.body ? reading(incoming) : undefined;
    const release = (): void => this.#release();
    this.#answer.resolve({ status: head.status, headers: head.headers, body, release });
    if (head.body) return;
    incoming.end();
    this.#ended();
  }

  /** Data and ends may come only after the head. */
  checkAnswered(): void {
    if (!this.#answered) throw new RelayProtocolError('out_of_order', 'an answer without a head');
  }

  /** The connection is gone. */
  lost(error: RelayError): void {
    this.#over();
    this.#answer.reject(error);
  }

  #release(): void {
    if (!this.#isOver) this.#onAbort();
    this.#stream.incoming.discard();
  }

  async #sendBody(body: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      this.#sent = await this.#stream.outgoing.send(this.#watched(body));
      if (this.#sent) this.touch();
    } catch (error) {
      this.#giveUp('failed', error, 'the rest of the request does not come');
    }
  }

  async *#watched(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    this.#bodyBegun = true;
    for await (const piece of body) {
      this.touch();
      yield piece;
    }
  }

  /** The answer is complete; what is left of the request is not wanted. */
  #ended(): void {
    const { streams } = this.#options;
    if (this.#sent) streams.close(this.#stream);
    else streams.cancel(this.#stream, 'answered', '');
    this.#over();
  }

  #cancelled(code: CancelCode, reason: string): void {
    this.#over();
    const untouched = code === 'refused' && !this.#bodyBegun;
    this.#answer.reject(
      untouched
        ? new Refused(reason)
        : new RelayError(
            code === 'refused' ? 'busy' : 'listener_failed',
            'the listener broke the request off',
          ),
    );
  }

  #giveUp(code: CancelCode, error: unknown, reason = ''): void {
    if (this.#isOver) return;
    this.#options.streams.cancel(this.#stream, code, reason);
    this.#over();
    this.#answer.reject(error);
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#answered = true;
    this.#timer?.cancel();
    this.#options.request.signal.removeEventListener('abort', this.#onAbort);
    this.#options.onOver();
  }
}

async function* reading(incoming: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* incoming;
  } catch (cause) {
    if (cause instanceof RelayError) throw cause;
    throw new RelayError('listener_failed', 'the listener broke its answer off', { cause });
  }
}

function requestFrame(id: number, head: Parameters<typeof encodeRequest>[1]): Uint8Array {
  try {
    return encodeRequest(id, head);
  } catch (cause) {
    if (!(cause instanceof RelayProtocolError)) throw cause;
    throw new RelayError('head_too_large', cause.message, { cause });
  }
}

function encodeRequest(
  stream: number,
  head: { method: string; path: string; headers: RelayRequest['headers']; body: boolean },
): Uint8Array {
  return encodeFrame({ type: 'request', stream, head });
}
