/** What is written at a time: all that is held for a client that does not take it. */
export const PIECE_BYTES = 256 * 1024;
/** Less than this is not worth a buffer of that size. */
const SMALL_BYTES = 32 * 1024;
/** Free buffers kept: 8 MiB. */
const MAX_FREE = 32;

/** A copy of something on its way to a client. */
export interface Piece {
  readonly bytes: Uint8Array;
  /** To be called, once, when nobody needs the copy any more; when it is not, it is merely collected. */
  readonly giveBack: () => void;
}

/** Copies for the way out, in buffers that are used again: fresh memory for each would cost more than the copying. */
export class PieceBuffers {
  readonly #free: Buffer[] = [];

  copy(bytes: Uint8Array): Piece {
    if (bytes.byteLength < SMALL_BYTES) return { bytes: Buffer.from(bytes), giveBack: () => undefined };
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
    buffer.set(bytes);
    const giveBack = (): void => {
      if (this.#free.length < MAX_FREE) this.#free.push(buffer);
    };
    return { bytes: buffer.subarray(0, bytes.byteLength), giveBack };
  }
}
