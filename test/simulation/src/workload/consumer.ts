import { createClient, isVaultClientError, type VaultClient } from '@message-vault/client';
import type { SeededRandom } from '@message-vault/runtime/testing';
import { Host, SimProcess } from '../world/process.ts';
import type { ClientTuning, WorkloadSurroundings } from './producer.ts';
import { simulatedTransport } from './transport.ts';

export interface ConsumerSetup {
  readonly name: string;
  readonly stream: string;
  readonly client: ClientTuning;
  /** Chases the tail, or reads the whole stream again and again. */
  readonly mode: 'tail' | 'replay';
}

const TAIL_WAIT_SECONDS = 3;
const REPLAY_EVERY_MS = 4000;
const RETRY_MS = 200;

/** A program that reads, over the real client. After a crash a tail goes on behind the last message it was given. */
export class Consumer {
  readonly name: string;
  readonly #setup: ConsumerSetup;
  readonly #around: WorkloadSurroundings;
  readonly #random: SeededRandom;
  readonly #host: Host;
  #process: SimProcess | undefined;
  #stopping = false;
  #passes = 0;
  #lastOffset = -1;
  /** The sequence number that comes next; survives crashes, as a stored cursor would. */
  nextNumber = 0;

  constructor(setup: ConsumerSetup, around: WorkloadSurroundings) {
    this.name = setup.name;
    this.#setup = setup;
    this.#around = around;
    this.#host = new Host(setup.name);
    this.#random = around.world.chance(`consumer ${setup.name}`);
  }

  get host(): string {
    return this.name;
  }

  get stream(): string {
    return this.#setup.stream;
  }

  get mode(): ConsumerSetup['mode'] {
    return this.#setup.mode;
  }

  get process(): SimProcess | undefined {
    return this.#process;
  }

  start(): void {
    if (this.#process !== undefined) return;
    const { world, network } = this.#around;
    const process = new SimProcess(world, this.#host);
    this.#process = process;
    const client = createClient({
      ...this.#setup.client,
      runtime: process,
      transport: simulatedTransport(network, process),
    });
    // Node keeps signals made of others for ever while somebody listens to them, and with them whoever listens.
    world.whenOver(() => void client.close());
    void (this.#setup.mode === 'tail' ? this.#chase(process, client) : this.#replay(process, client));
  }

  kill(): void {
    this.#process?.kill();
    this.#process = undefined;
  }

  stop(): void {
    this.#stopping = true;
  }

  async #chase(process: SimProcess, client: VaultClient): Promise<void> {
    while (!this.#stopping) {
      const from = this.#lastOffset < 0 ? 'earliest' : this.#lastOffset + 1;
      try {
        for await (const message of client.tail(this.#setup.stream, {
          from,
          waitSeconds: TAIL_WAIT_SECONDS,
        })) {
          if (!process.isAlive) return;
          this.#around.history.read(this.#setup.stream, `${this.name}/${this.#passes}`, message);
          this.#lastOffset = message.offset;
          this.nextNumber = message.sequenceNumber + 1;
        }
      } catch (error) {
        if (this.#judge(error) === 'behind') this.#startOver();
        await pause(process, RETRY_MS);
      }
    }
  }

  async #replay(process: SimProcess, client: VaultClient): Promise<void> {
    while (!this.#stopping) {
      this.#passes += 1;
      const consumer = `${this.name}/${this.#passes}`;
      const from = this.#random.chance(0.5) ? 'earliest' : { last: 1 + this.#random.below(30) };
      try {
        for await (const message of client.read(this.#setup.stream, { from })) {
          if (!process.isAlive) return;
          this.#around.history.read(this.#setup.stream, consumer, message);
        }
      } catch (error) {
        this.#judge(error);
      }
      await pause(process, REPLAY_EVERY_MS * this.#random.next());
    }
  }

  /** What it was about to read is gone: it goes on with the oldest there is, and knows that it has missed something. */
  #startOver(): void {
    this.#passes += 1;
    this.#lastOffset = -1;
  }

  /** No stream yet, or nobody answers: that happens. Damage does not, nor do places that are gone unless they may go. */
  #judge(error: unknown): 'passing' | 'behind' | 'wrong' {
    const { world, mayForget } = this.#around;
    if (isVaultClientError(error, 'unavailable', 'not_found', 'closed')) return 'passing';
    if (isVaultClientError(error, 'offset_out_of_range') && mayForget(this.#setup.stream)) return 'behind';
    world.broken('I1', `${this.name} was told: ${String(error)}`);
    return 'wrong';
  }
}

function pause(process: SimProcess, delayMs: number): Promise<void> {
  return new Promise((resolve) => process.setTimer(delayMs, resolve));
}
