import { RelayProtocolError } from './errors.ts';
import { encodeFrame } from './frames.ts';
import { MAX_DATA_BYTES, MIN_DATA_COST, WINDOW_BYTES } from './limits.ts';
import type { Link } from './link.ts';

/** What a piece of a body takes of the credit. */
export function costOf(bytes: number): number {
  return Math.max(bytes, MIN_DATA_COST);
}

/** Sends one body, as fast as the other end gives credit and the link has room. It holds one piece at a time. */
export class BodySender {
  readonly #link: Link;
  readonly #stream: number;
  #credit = WINDOW_BYTES;
  #stopped = false;
  #news = Promise.withResolvers<void>();

  constructor(link: Link, stream: number) {
    this.#link = link;
    this.#stream = stream;
  }

  /** Throws RelayProtocolError when there would be more credit than the window is large. */
  grant(bytes: number): void {
    if (this.#credit + bytes > WINDOW_BYTES)
      throw new RelayProtocolError('over_credit', 'credit was given for more than was taken');
    this.#credit += bytes;
    this.#wake();
  }

  /** Nothing goes out any more; who sends is woken. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** True when the whole body and its end have gone out; false when it was stopped before. Throws what `body` throws. */
  async send(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<boolean> {
    for await (const piece of body) {
      for (let at = 0; at < piece.length; at += MAX_DATA_BYTES) {
        if (!(await this.#sendPiece(piece.subarray(at, at + MAX_DATA_BYTES)))) return false;
      }
      if (this.#stopped) return false;
    }
    if (this.#stopped) return false;
    this.#link.send(encodeFrame({ type: 'end', stream: this.#stream }));
    return true;
  }

  async #sendPiece(bytes: Uint8Array): Promise<boolean> {
    const cost = costOf(bytes.length);
    await this.#link.room();
    while (this.#credit < cost && !this.#stopped) {
      await this.#news.promise;
      await this.#link.room();
    }
    if (this.#stopped) return false;
    this.#credit -= cost;
    this.#link.send(encodeFrame({ type: 'data', stream: this.#stream, bytes }));
    return true;
  }

  #wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }
}
