import type { Writable } from 'node:stream';

/**
 * A program's output with back-pressure, that notices when nobody reads it any more (`mvault read … | head`): then
 * there is nothing left to do, and nothing to complain about.
 */
export class Output {
  readonly #stream: Writable;
  readonly #gone = new AbortController();
  #error: Error | undefined;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', this.#onError);
  }

  /** Fires when the reader has gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Resolves when the output takes more. Does nothing once the reader has gone; throws when writing failed otherwise. */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    if (this.#gone.signal.aborted || data.length === 0) return;
    if (this.#stream.write(data)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#stream.off('drain', done);
        this.#gone.signal.removeEventListener('abort', done);
        resolve();
      };
      this.#stream.on('drain', done);
      this.#gone.signal.addEventListener('abort', done);
    });
    if (this.#error !== undefined) throw this.#error;
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') this.#error = error;
    this.#gone.abort(error);
  };

  /** Resolves when everything written has left this process. */
  async finish(): Promise<void> {
    if (this.#gone.signal.aborted) return;
    await new Promise<void>((resolve) => this.#stream.write('', () => resolve()));
    if (this.#error !== undefined) throw this.#error;
  }
}
