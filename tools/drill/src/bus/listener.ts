import { randomUUID } from 'node:crypto';
import { type HistoryEvent, hashOf } from '@message-vault/checkers';
import { createClient, type VaultClient } from '@message-vault/client';
import { now, pause } from '../wait.ts';
import { identityOf } from '../workload/messages.ts';

export interface ConnectedListenerOptions {
  readonly urls: readonly string[];
  /** What it listens to. */
  readonly router: string;
  /** Of the subscriber in the history. */
  readonly name: string;
  readonly record: (event: HistoryEvent) => void;
  readonly random: () => number;
  readonly ended: (text: string) => void;
}

const MAX_WORK_MS = 10;
const CONCURRENCY = 4;

/** A subscriber that is connected to the router, and stays the same one over lost connections. */
export class ConnectedListener {
  readonly #options: ConnectedListenerOptions;
  readonly #client: VaultClient;
  readonly #stop = new AbortController();
  readonly #connected = Promise.withResolvers<void>();
  #running: Promise<void> = Promise.resolve();

  constructor(options: ConnectedListenerOptions) {
    this.#options = options;
    this.#client = createClient({ urls: options.urls });
  }

  /** Resolves when it is connected for the first time. */
  start(): Promise<void> {
    this.#running = this.#run();
    return this.#connected.promise;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#client.close();
  }

  async #run(): Promise<void> {
    const { router, name: subscriber, record, random, ended } = this.#options;
    try {
      await this.#client.router(router).listen(
        async ({ headers, value }) => {
          const { producer, sequence } = identityOf(headers);
          const given = { subscriber, producer: producer ?? 'nobody', sequence };
          record({ kind: 'pushed', at: now(), ...given, hash: hashOf(value) });
          await pause(random() * MAX_WORK_MS);
          record({ kind: 'taken', at: now(), ...given });
        },
        {
          id: randomUUID(),
          concurrency: CONCURRENCY,
          signal: this.#stop.signal,
          onConnected: () => this.#connected.resolve(),
        },
      );
    } catch (error) {
      this.#connected.reject(error);
      if (!this.#stop.signal.aborted) ended(`${subscriber} could not go on: ${String(error)}`);
    }
  }
}
