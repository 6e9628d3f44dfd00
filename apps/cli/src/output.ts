import type { Writable } from 'node:stream';
import { CommandFailure, EXIT } from './exit.ts';

/**
 * A program's output with back-pressure, that notices when nobody reads it any more (`mvault read … | head`): then
 * there is nothing left to do, and nothing to complain about.
 */
export class Output {
  readonly #stream: Writable;
  readonly #gone = new AbortController();
  #failure: CommandFailure | undefined;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', this.#onError);
  }

  /** Why the output could not be written, if it was not for want of a reader: a full disk, say. */
  get failure(): CommandFailure | undefined {
    return this.#failure;
  }

  /** Fires when nothing more can be written: the reader has gone, or there is a `failure`. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Resolves when the output takes more. Does nothing once the reader has gone; throws the failure if there is one. */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
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
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** What a command has to say: as JSON on one line for programs that ask for it, else as text. */
  async answer({ json }: { readonly json?: true }, value: unknown, text: string): Promise<void> {
    await this.write(json ? `${JSON.stringify(value)}\n` : text);
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE' && this.#failure === undefined) {
      this.#failure = new CommandFailure(`can't write the output: ${error.message}`, EXIT.failure, {
        cause: error,
      });
    }
    this.#gone.abort(error);
  };

  /**
   * Resolves to true when everything written has left this process, to false when nobody takes it any more; throws the
   * failure if there is one.
   */
  async finish(): Promise<boolean> {
    if (!this.#gone.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#stream.write('', (error) => {
          if (error) this.#onError(error);
          resolve();
        });
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
    return !this.#gone.signal.aborted;
  }
}
