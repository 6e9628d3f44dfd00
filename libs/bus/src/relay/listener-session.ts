import {
  decodeFrame,
  encodeFrame,
  type Frame,
  MAX_STREAM,
  RelayProtocolError,
  Streams,
} from '@message-vault/relay-protocol';
import type { Runtime } from '@message-vault/runtime';
import { Call } from './call.ts';
import { RelayError } from './errors.ts';
import type { AttachedListener, HubGoodbye, ListenerLink, RelayAnswer, RelayRequest } from './types.ts';

export interface SessionOptions {
  readonly link: ListenerLink;
  readonly runtime: Runtime;
  readonly answerTimeoutMs: number;
  /** Whether it takes requests, or how many it has under way, has changed. */
  readonly onChange: () => void;
  readonly onDetached: () => void;
}

/** One connected listener and the requests it has under way. */
export class ListenerSession implements AttachedListener {
  readonly #options: SessionOptions;
  readonly #streams: Streams;
  readonly #calls = new Map<number, Call>();
  #lastStream = 0;
  #goodbye: { why: HubGoodbye; detail: string } | undefined;
  #going = false;
  #detached = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#streams = new Streams(options.link);
  }

  get inFlight(): number {
    return this.#calls.size;
  }

  get takesRequests(): boolean {
    return !this.#detached && !this.#going && this.#lastStream < MAX_STREAM;
  }

  /** Errors: those of Call.run. */
  async request(request: RelayRequest): Promise<RelayAnswer> {
    const { link, runtime, answerTimeoutMs } = this.#options;
    const id = this.#lastStream + 1;
    const onOver = (): void => this.#over(id);
    const call = new Call(id, { link, streams: this.#streams, runtime, answerTimeoutMs, request, onOver });
    this.#lastStream = id;
    this.#calls.set(id, call);
    return await call.run();
  }

  received(bytes: Uint8Array): void {
    if (this.#detached) return;
    try {
      this.#handle(decodeFrame(bytes));
    } catch (error) {
      if (!(error instanceof RelayProtocolError)) throw error;
      this.#options.link.close('protocol_error', error.message);
      this.#detach('the listener does not keep to the protocol');
    }
  }

  drain(why: HubGoodbye, detail: string): void {
    if (this.#detached || this.#goodbye !== undefined) return;
    this.#goodbye = { why, detail };
    this.#going = true;
    this.#options.link.send(encodeFrame({ type: 'going-away', stream: 0 }));
    this.#options.onChange();
    this.#closeWhenIdle();
  }

  /** At once, whatever is under way. */
  close(why: HubGoodbye, detail: string): void {
    if (this.#detached) return;
    this.#options.link.close(why, detail);
    this.#detach(detail);
  }

  detach(): void {
    this.#detach('the connection to the listener broke');
  }

  #handle(frame: Frame): void {
    if (frame.type === 'request') throw new RelayProtocolError('out_of_order', 'a listener sent a request');
    if (frame.type === 'going-away') {
      this.#going = true;
      this.#options.onChange();
      return;
    }
    // Throws for a stream there never was; one that is over is none of ours.
    if (this.#streams.find(frame.stream) === undefined) return;
    const call = this.#calls.get(frame.stream);
    if (frame.type === 'answer') call?.answer(frame.head);
    else {
      if (frame.type === 'data' || frame.type === 'end') call?.checkAnswered();
      if (frame.type === 'credit') call?.touch();
      this.#streams.handle(frame);
    }
  }

  #over(id: number): void {
    if (!this.#calls.delete(id)) return;
    this.#options.onChange();
    this.#closeWhenIdle();
  }

  #closeWhenIdle(): void {
    if (this.#goodbye === undefined || this.#calls.size > 0 || this.#detached) return;
    this.close(this.#goodbye.why, this.#goodbye.detail);
  }

  #detach(detail: string): void {
    if (this.#detached) return;
    this.#detached = true;
    const error = new RelayError('listener_failed', `${detail}: it may have acted on the request, or not`);
    this.#streams.fail(error);
    for (const call of [...this.#calls.values()]) call.lost(error);
    this.#options.onDetached();
  }
}
