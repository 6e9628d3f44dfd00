import {
  isVaultClientError,
  type OutgoingRecord,
  type PublishOptions,
  type PublishResult,
  type VaultClient,
} from '@message-vault/client';
import { MAX_MESSAGE_BYTES } from '@message-vault/metadata';
import type { LineMessages } from './line-messages.ts';
import { type Line, LineSplitter } from './lines.ts';
import type { Totals } from './progress.ts';

/** What is read ahead of the acknowledgements, bytes. Enough to keep every batch of the client's window full. */
const MAX_AHEAD_BYTES = 8 * 1024 * 1024;

/** Destroying it ends the reading of it, also of a pipe through which nothing comes. */
export type LineInput = AsyncIterable<Uint8Array> & { destroy(): unknown };

export interface LinePublisherOptions {
  readonly client: VaultClient;
  readonly stream: string;
  readonly messages: LineMessages;
  readonly times: Pick<PublishOptions, 'delayMs' | 'timeToLiveMs'>;
  /** Stops reading; what is under way is waited for. */
  readonly stop: AbortSignal;
  /** Gives up what is under way, too. */
  readonly abandon: AbortSignal;
  readonly onProgress: (acknowledged: Totals) => void;
}

/** How publishing an input went. */
export interface LinePublishing {
  /** Acknowledged: the first so many lines, unless there was an error. */
  readonly acknowledged: Totals;
  /** Lines read, acknowledged or not. */
  readonly read: number;
  readonly first: PublishResult | undefined;
  readonly last: PublishResult | undefined;
  /** What ended it before the end of the input. */
  readonly error: unknown;
}

/** Publishes an input line by line, in order, reading no further ahead of the acknowledgements than a fixed bound. */
export class LinePublisher {
  readonly #options: LinePublisherOptions;
  readonly #acknowledged: Totals = { messages: 0, bytes: 0 };
  /** Calls that have not ended. */
  #underWay = 0;
  #onEnd: (() => void) | undefined;
  #aheadBytes = 0;
  #read = 0;
  #first: PublishResult | undefined;
  #last: PublishResult | undefined;
  #error: unknown;
  #input: LineInput | undefined;

  constructor(options: LinePublisherOptions) {
    this.#options = options;
  }

  get acknowledged(): Readonly<Totals> {
    return this.#acknowledged;
  }

  async run(input: LineInput): Promise<LinePublishing> {
    this.#input = input;
    await this.#readAll(input);
    while (this.#underWay > 0) await this.#nextEnd();
    const { messages, bytes } = this.#acknowledged;
    return {
      acknowledged: { messages, bytes },
      read: this.#read,
      first: this.#first,
      last: this.#last,
      error: this.#error,
    };
  }

  async #readAll(input: LineInput): Promise<void> {
    const splitter = new LineSplitter(MAX_MESSAGE_BYTES);
    const { stop } = this.#options;
    try {
      for await (const piece of input) {
        if (stop.aborted || this.#error !== undefined) return;
        this.#publish(splitter.push(piece));
        splitter.check();
        while (this.#aheadBytes > MAX_AHEAD_BYTES) await this.#nextEnd();
      }
      if (!stop.aborted && this.#error === undefined) this.#publish(splitter.end());
    } catch (error) {
      if (stop.aborted) return;
      this.#error ??= error;
    }
  }

  /** Publishes `lines` up to the first no message can be made of. Throws UnusableLine for that. */
  #publish(lines: readonly Line[]): void {
    const batch: OutgoingRecord[] = [];
    try {
      for (const line of lines) batch.push(this.#options.messages.of(line));
    } finally {
      this.#send(lines.slice(0, batch.length), batch);
    }
  }

  #send(lines: readonly Line[], batch: readonly OutgoingRecord[]): void {
    if (lines.length === 0) return;
    const { client, stream, times, abandon } = this.#options;
    // The line feeds count: people compare with the size of their file.
    const bytes = lines.reduce((sum, line) => sum + line.bytes.byteLength + (line.terminated ? 1 : 0), 0);
    this.#read += lines.length;
    this.#aheadBytes += bytes;
    this.#underWay += 1;
    client
      .publish(stream, batch, { ...times, signal: abandon })
      .then(
        (result) => this.#acknowledge(result, bytes),
        (error: unknown) => this.#fail(error),
      )
      .finally(() => {
        this.#underWay -= 1;
        this.#aheadBytes -= bytes;
        this.#onEnd?.();
      });
  }

  #nextEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEnd = resolve;
    });
  }

  #acknowledge(result: PublishResult, bytes: number): void {
    this.#acknowledged.messages += result.count;
    this.#acknowledged.bytes += bytes;
    this.#first ??= result;
    this.#last = result;
    this.#options.onProgress(this.#acknowledged);
  }

  #fail(error: unknown): void {
    if (isVaultClientError(error)) this.#acknowledged.messages += error.acknowledged;
    this.#error ??= error;
    // Who waits for the next line would wait for as long as whoever writes has nothing to say.
    this.#input?.destroy();
  }
}
