import { BodyReceiver } from './body-receiver.ts';
import { BodySender } from './body-sender.ts';
import { RelayProtocolError } from './errors.ts';
import { type CancelCode, encodeFrame, type Frame } from './frames.ts';
import type { Link } from './link.ts';

/** What whoever opened a stream wants to hear of it. */
export interface StreamObserver {
  /** The other end has sent the whole of its body. */
  ended(): void;
  /** The other end wants no more of it. The stream is closed already. */
  cancelled(code: CancelCode, reason: string): void;
}

/** One request and its answer on a connection, by its number. */
export interface RelayStream {
  readonly id: number;
  readonly incoming: BodyReceiver;
  readonly outgoing: BodySender;
}

export type BodyFrame = Extract<Frame, { type: 'data' | 'end' | 'cancel' | 'credit' }>;

/** A stream was ended from the other side before its body was complete. */
export class StreamCancelled extends Error {
  override readonly name = 'StreamCancelled';
  readonly code: CancelCode;

  constructor(code: CancelCode, reason: string) {
    super(`cancelled (${code}): ${reason}`);
    this.code = code;
  }
}

/** The streams of one connection, of either end of it. */
export class Streams {
  readonly #link: Link;
  readonly #open = new Map<number, { stream: RelayStream; observer: StreamObserver }>();
  #highest = 0;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Open right now. */
  get size(): number {
    return this.#open.size;
  }

  /** Throws RelayProtocolError unless numbers only grow. */
  open(id: number, observer: StreamObserver): RelayStream {
    if (id <= this.#highest) throw new RelayProtocolError('out_of_order', `stream ${id} was used before`);
    this.#highest = id;
    const stream = {
      id,
      incoming: new BodyReceiver(this.#link, id),
      outgoing: new BodySender(this.#link, id),
    };
    this.#open.set(id, { stream, observer });
    return stream;
  }

  /** The open stream with this number; undefined when it is over, on this end at least. Throws when it never was. */
  find(id: number): RelayStream | undefined {
    if (id > this.#highest) throw new RelayProtocolError('out_of_order', `stream ${id} was never opened`);
    return this.#open.get(id)?.stream;
  }

  /** Throws RelayProtocolError. What comes for a stream that is over was under way when it ended, and is nothing. */
  handle(frame: BodyFrame): void {
    const stream = this.find(frame.stream);
    const observer = this.#open.get(frame.stream)?.observer;
    if (stream === undefined || observer === undefined) return;
    if (frame.type === 'data') stream.incoming.push(frame.bytes);
    else if (frame.type === 'credit') stream.outgoing.grant(frame.bytes);
    else if (frame.type === 'end') {
      stream.incoming.end();
      observer.ended();
    } else {
      this.#close(stream, new StreamCancelled(frame.code, frame.reason));
      observer.cancelled(frame.code, frame.reason);
    }
  }

  /** Both directions are through, or what is still to come is of no interest. What was received can be read to its end. */
  close(stream: RelayStream): void {
    this.#close(stream, new Error('the stream was closed before the end of the body'));
  }

  /** Ends a stream that is not over yet, and tells the other end. */
  cancel(stream: RelayStream, code: CancelCode, reason: string): void {
    if (!this.#open.has(stream.id)) return;
    this.#link.send(encodeFrame({ type: 'cancel', stream: stream.id, code, reason }));
    this.#close(stream, new StreamCancelled(code, reason));
  }

  /** The connection is gone. */
  fail(error: Error): void {
    for (const { stream } of [...this.#open.values()]) this.#close(stream, error);
  }

  #close(stream: RelayStream, why: Error): void {
    this.#open.delete(stream.id);
    stream.outgoing.stop();
    stream.incoming.fail(why);
  }
}
