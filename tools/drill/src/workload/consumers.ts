import { createClient, isVaultClientError, type VaultClient } from '@message-vault/client';
import { messageOf } from '@message-vault/runtime';
import type { Recorder } from '../record/recorder.ts';
import { now, pause } from '../wait.ts';
import { readOf } from './messages.ts';

export interface ConsumerOptions {
  readonly name: string;
  readonly urls: readonly string[];
  readonly stream: string;
  readonly recorder: Recorder;
  /** Told of a consumer that could not go on: damage, or an answer nobody understands. */
  readonly ended: (text: string) => void;
}

/** So long a node may keep a tail waiting: a consumer left on a node that froze moves on soon after. */
const WAIT_SECONDS = 2;
const REPLAY_EVERY_MS = 700;
/** Replays stop here: the whole stream read over and over would outgrow everything else in the history. */
const MAX_REPLAYED = 150_000;

/** Chases the tail from the beginning of the stream, as one pass. */
export class TailConsumer {
  readonly #options: ConsumerOptions;
  readonly #client: VaultClient;
  readonly #stop = new AbortController();
  #nextOffset = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#client = createClient({ urls: options.urls });
  }

  get name(): string {
    return this.#options.name;
  }

  /** Everything before it has been given to this consumer. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#client.close();
  }

  async #run(): Promise<void> {
    const { stream, recorder, name, ended } = this.#options;
    const { signal } = this.#stop;
    try {
      const chunks = this.#client.tailChunks(stream, { from: 'earliest', waitSeconds: WAIT_SECONDS, signal });
      for await (const { messages, nextOffset } of chunks) {
        const at = now();
        for (const message of messages) recorder.add(readOf(message, { at, stream, consumer: name }));
        this.#nextOffset = nextOffset;
      }
    } catch (error) {
      if (signal.aborted) return;
      ended(`${name} could not go on: ${messageOf(error)}`);
    }
  }
}

/** Reads the whole stream from its beginning, again and again, each time as a pass of its own. */
export class ReplayConsumer {
  readonly #options: ConsumerOptions;
  readonly #client: VaultClient;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #replayed = 0;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#client = createClient({ urls: options.urls });
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#client.close();
  }

  async #run(): Promise<void> {
    const { name, ended } = this.#options;
    const { signal } = this.#stop;
    for (let pass = 1; !signal.aborted && this.#replayed < MAX_REPLAYED; pass++) {
      try {
        await this.#replay(`${name}/${pass}`);
        await pause(REPLAY_EVERY_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        // Nobody answers for as long as a client tries: no fault of the log. The next pass begins anew.
        if (isVaultClientError(error, 'unavailable')) continue;
        ended(`${name} could not go on: ${messageOf(error)}`);
        return;
      }
    }
  }

  async #replay(consumer: string): Promise<void> {
    const { stream, recorder } = this.#options;
    const chunks = this.#client.readChunks(stream, { from: 'earliest', signal: this.#stop.signal });
    for await (const { messages } of chunks) {
      const at = now();
      for (const message of messages) {
        recorder.add(readOf(message, { at, stream, consumer }));
        this.#replayed += 1;
      }
    }
  }
}
