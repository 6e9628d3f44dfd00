import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { ClientGone } from '../body.ts';

/** Answers up to this size go out in one piece, with their length. */
const ONE_PIECE_BYTES = 64 * 1024;

interface HeldPiece {
  readonly bytes: Uint8Array;
  readonly onTaken: (() => void) | undefined;
}

/** The way of an answer to a client that may be slow. */
export class Sink {
  readonly #res: ServerResponse;
  readonly #stalledMs: number;
  /** Kept back until it is clear whether the answer is larger than one piece. */
  #held: HeldPiece[] = [];
  #heldBytes = 0;

  constructor(res: ServerResponse, stalledMs: number) {
    this.#res = res;
    this.#stalledMs = stalledMs;
  }

  /**
   * False when the client should be waited for before more is written. `onTaken` is called once `bytes` may be used for
   * something else; when the connection breaks before, it never is.
   */
  write(bytes: Uint8Array, onTaken?: () => void): boolean {
    if (bytes.byteLength === 0) return true;
    if (this.#res.headersSent) return this.#send(bytes, onTaken);
    this.#held.push({ bytes, onTaken });
    this.#heldBytes += bytes.byteLength;
    return this.#heldBytes <= ONE_PIECE_BYTES || this.#flush();
  }

  end(): void {
    if (this.#res.headersSent) {
      this.#res.end();
      return;
    }
    this.#res.setHeader('Content-Length', this.#heldBytes);
    this.#flush();
    this.#res.end();
  }

  #flush(): boolean {
    const pieces = this.#held;
    this.#held = [];
    const [only] = pieces;
    if (pieces.length === 1 && only !== undefined) return this.#send(only.bytes, only.onTaken);
    const room = this.#res.write(Buffer.concat(pieces.map(({ bytes }) => bytes)));
    for (const { onTaken } of pieces) onTaken?.();
    return room;
  }

  #send(bytes: Uint8Array, onTaken: (() => void) | undefined): boolean {
    if (onTaken === undefined) return this.#res.write(bytes);
    return this.#res.write(bytes, (error) => {
      if (!error) onTaken();
    });
  }

  /**
   * Waits until the client has taken what was written, but no longer than `patienceMs` if given: then false, and the caller
   * should let go of what it holds and wait again. Throws ClientGone when the client goes away, or takes nothing for
   * so long that it is sent away.
   */
  async drained(patienceMs?: number): Promise<boolean> {
    const res = this.#res;
    if (res.destroyed) throw new ClientGone('the client went away');
    if (!res.writableNeedDrain) return true;
    const waiting = new AbortController();
    const stop = (): void => waiting.abort();
    const timer = patienceMs === undefined ? undefined : setTimeout(stop, patienceMs);
    res.once('close', stop);
    this.#sendAwayAfter(this.#stalledMs);
    try {
      await once(res, 'drain', { signal: waiting.signal });
      return true;
    } catch {
      if (res.destroyed) throw new ClientGone('the client went away, or took nothing for too long');
      return false;
    } finally {
      clearTimeout(timer);
      res.off('close', stop);
      this.#sendAwayAfter(0);
    }
  }

  /**
   * A socket's own time-out is the one that sees a client take a part of what was written: it starts anew with each, and
   * destroys the connection once nothing was taken for so long. 0 for never.
   */
  #sendAwayAfter(stalledMs: number): void {
    this.#res.socket?.setTimeout(stalledMs);
  }
}
