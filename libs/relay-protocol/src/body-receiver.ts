import { costOf } from './body-sender.ts';
import { RelayProtocolError } from './errors.ts';
import { encodeFrame } from './frames.ts';
import { WINDOW_BYTES } from './limits.ts';
import type { Link } from './link.ts';

/** Credit is given back when so much of it has gathered. */
const GRANT_BYTES = WINDOW_BYTES / 4;

/**
 * One body as it comes in. What its reader has not taken yet is held here, never more than the window: credit goes back
 * only for what was taken. To be read once.
 */
export class BodyReceiver implements AsyncIterable<Uint8Array> {
  readonly #link: Link;
  readonly #stream: number;
  readonly #pieces: Uint8Array[] = [];
  #outstanding = 0;
  #toGrant = 0;
  #heldBytes = 0;
  #ended = false;
  #failure: Error | undefined;
  #news = Promise.withResolvers<void>();

  constructor(link: Link, stream: number) {
    this.#link = link;
    this.#stream = stream;
  }

  /** Bytes waiting for the reader. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Throws RelayProtocolError for what there was no credit for, or comes after the end. */
  push(bytes: Uint8Array): void {
    if (this.#ended) throw new RelayProtocolError('out_of_order', 'data after the end of a body');
    this.#outstanding += costOf(bytes.length);
    if (this.#outstanding > WINDOW_BYTES)
      throw new RelayProtocolError('over_credit', 'more data came than there was credit for');
    if (this.#failure !== undefined) return;
    this.#pieces.push(unpinned(bytes));
    this.#heldBytes += bytes.length;
    this.#wake();
  }

  end(): void {
    if (this.#ended) throw new RelayProtocolError('out_of_order', 'a body ended twice');
    this.#ended = true;
    this.#wake();
  }

  /** The rest will not come: the reader gets `error`, after what was there already. Nothing happens to a complete body. */
  fail(error: Error): void {
    if (this.#ended || this.#failure !== undefined) return;
    this.#failure = error;
    this.#wake();
  }

  /** Nobody will read on: what is here and what comes is thrown away, and no credit is given for it. */
  discard(): void {
    this.#failure ??= new Error('the body was given up before its end');
    this.#pieces.length = 0;
    this.#heldBytes = 0;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece !== undefined) {
          this.#heldBytes -= piece.length;
          yield piece;
          this.#taken(piece.length);
        } else if (this.#failure !== undefined) throw this.#failure;
        else if (this.#ended) return;
        else await this.#news.promise;
      }
    } finally {
      this.discard();
    }
  }

  #taken(bytes: number): void {
    this.#toGrant += costOf(bytes);
    if (this.#toGrant < GRANT_BYTES || this.#ended || this.#failure !== undefined) return;
    this.#link.send(encodeFrame({ type: 'credit', stream: this.#stream, bytes: this.#toGrant }));
    // Counted against the window until now: the sender could not know of it before.
    this.#outstanding -= this.#toGrant;
    this.#toGrant = 0;
  }

  #wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }
}

/** A small piece must not keep the large buffer alive that it was received in. */
function unpinned(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength * 2 < bytes.buffer.byteLength ? Uint8Array.from(bytes) : bytes;
}
