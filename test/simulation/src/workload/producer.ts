import {
  createClient,
  isVaultClientError,
  type VaultClient,
  type VaultClientError,
} from '@message-vault/client';
import { randomUuid } from '@message-vault/runtime';
import type { SeededRandom } from '@message-vault/runtime/testing';
import type { Network } from '../network/network.ts';
import { Host, SimProcess } from '../world/process.ts';
import { onlyRandomness, type World } from '../world/world.ts';
import type { History } from './history.ts';
import { makeMessage } from './messages.ts';
import { simulatedTransport } from './transport.ts';

export interface ClientTuning {
  readonly urls: readonly string[];
  readonly codec: 'none' | 'zstd';
  readonly lingerMs: number;
  readonly maxInFlight: number;
  readonly attemptTimeoutMs: number;
  readonly deliveryTimeoutMs: number;
  readonly followLeader: boolean;
}

export interface ProducerSetup {
  readonly name: string;
  readonly stream: string;
  readonly client: ClientTuning;
  /** Most messages of one publish call. */
  readonly mostMessages: number;
  /** Calls come in bursts of up to so many. */
  readonly mostCalls: number;
  /** Average pause between two calls of a burst. */
  readonly gapMs: number;
  /** Average pause between two bursts. */
  readonly pauseMs: number;
  /** Waits for each answer before the next call. */
  readonly oneByOne: boolean;
  /** Publishes only where it believes the stream to end. */
  readonly onCondition: boolean;
  /** Its messages carry what filters choose by. */
  readonly labelled?: boolean | undefined;
  /** Share of its messages that queues store apart. */
  readonly large?: number | undefined;
}

export interface WorkloadSurroundings {
  readonly world: World;
  readonly network: Network;
  readonly history: History;
  /** Whether old messages of a stream may go. */
  readonly mayForget: (stream: string) => boolean;
}

const EPOCHS_PER_LIFE = 10_000;

/** A program that publishes, over the real client, and writes down what it did and was told. */
export class Producer {
  readonly name: string;
  readonly #setup: ProducerSetup;
  readonly #around: WorkloadSurroundings;
  readonly #random: SeededRandom;
  readonly #host: Host;
  readonly #id: string;
  #process: SimProcess | undefined;
  #client: VaultClient | undefined;
  #lives = 0;
  #sequence = 0;
  #stopping = false;
  #lastStoredStartedMs = -1;
  /** Messages started in this life and not ended. */
  readonly #open = new Map<number, true>();

  constructor(setup: ProducerSetup, around: WorkloadSurroundings) {
    this.name = setup.name;
    this.#setup = setup;
    this.#around = around;
    this.#host = new Host(setup.name);
    this.#random = around.world.chance(`producer ${setup.name}`);
    this.#id = randomUuid(onlyRandomness(this.#random));
  }

  get host(): string {
    return this.name;
  }

  get process(): SimProcess | undefined {
    return this.#process;
  }

  /** Nothing is on its way. */
  get isIdle(): boolean {
    return this.#open.size === 0;
  }

  start(): void {
    if (this.#process !== undefined) return;
    const { world, network } = this.#around;
    const process = new SimProcess(world, this.#host);
    this.#process = process;
    this.#lives += 1;
    this.#client = createClient({
      ...this.#setup.client,
      runtime: process,
      transport: simulatedTransport(network, process),
      producer: { id: this.#id, epoch: this.#lives * EPOCHS_PER_LIFE },
      backoffMaxMs: 150,
    });
    const client = this.#client;
    world.whenOver(() => void client.close());
    this.#pace(process);
  }

  /** What was under way has an unknown end. */
  kill(): void {
    const { history } = this.#around;
    const { stream } = this.#setup;
    this.#process?.kill();
    this.#process = undefined;
    this.#client = undefined;
    for (const sequence of this.#open.keys())
      history.add({ kind: 'unknown', stream, producer: this.name, sequence, code: 'killed' });
    this.#open.clear();
  }

  /** Begins nothing new. */
  stop(): void {
    this.#stopping = true;
  }

  /** When the call began, virtual milliseconds, that was the last one to be acknowledged. */
  get lastStoredStartedMs(): number {
    return this.#lastStoredStartedMs;
  }

  /** Some more calls, any time during the next `overMs`. */
  burst(calls: number, overMs: number): void {
    if (this.#setup.onCondition) return;
    for (let left = calls; left > 0; left -= 1) {
      this.#process?.setTimer(overMs * this.#random.next(), () => {
        if (!this.#stopping) void this.#publish();
      });
    }
  }

  #pace(process: SimProcess, left: number = this.#random.below(this.#setup.mostCalls)): void {
    const { gapMs, pauseMs, oneByOne, onCondition } = this.#setup;
    const delayMs = (left > 0 ? gapMs : pauseMs) * 2 * this.#random.next();
    process.setTimer(delayMs, () => {
      if (this.#stopping) return;
      const ended = this.#publish();
      const goOn = (): void => this.#pace(process, left > 0 ? left - 1 : undefined);
      if (oneByOne || onCondition) void ended.then(goOn);
      else goOn();
    });
  }

  async #publish(): Promise<void> {
    const process = this.#process;
    const client = this.#client;
    if (process === undefined || client === undefined) return;
    const startedMs = process.monotonic();
    const expected = this.#setup.onCondition ? await this.#nextNumber(client) : undefined;
    if (this.#stopping || !process.isAlive) return;
    const count = 1 + this.#random.below(this.#setup.mostMessages);
    const first = this.#sequence;
    this.#sequence += count;
    const messages = Array.from({ length: count }, (_, index) => this.#begin(first + index));
    try {
      const answer = await client.publish(this.#setup.stream, messages, { expectedSequenceNumber: expected });
      if (!process.isAlive) return;
      this.#acknowledged(first, count, answer);
      this.#lastStoredStartedMs = Math.max(this.#lastStoredStartedMs, startedMs);
      if (expected !== undefined && answer.firstSequenceNumber !== expected)
        this.#around.world.broken(
          'condition',
          `${this.name} #${first} is at ${answer.firstSequenceNumber}, not ${expected}`,
        );
    } catch (error) {
      if (!isVaultClientError(error)) throw error;
      if (process.isAlive) this.#failed(first, count, error);
    }
  }

  /** Where the stream ends, as far as anybody says. */
  async #nextNumber(client: VaultClient): Promise<number> {
    try {
      return (await client.stats(this.#setup.stream)).nextSequenceNumber;
    } catch (error) {
      if (!isVaultClientError(error)) throw error;
      return 0;
    }
  }

  #begin(sequence: number) {
    const { stream, labelled = false, large } = this.#setup;
    const named = { producer: this.name, sequence };
    const { message, hash, label } = makeMessage(this.#random, named, { isLabelled: labelled, large });
    this.#open.set(sequence, true);
    this.#around.history.add({ kind: 'start', stream, ...named, hash, ...(labelled && { label }) });
    return message;
  }

  #acknowledged(
    first: number,
    count: number,
    answer: { firstOffset: number; firstSequenceNumber: number },
  ): void {
    const { history, world } = this.#around;
    const { stream } = this.#setup;
    world.note(this.name, `#${first}+${count} is stored at number ${answer.firstSequenceNumber}`);
    for (let index = 0; index < count; index += 1) {
      this.#open.delete(first + index);
      history.add({
        kind: 'ack',
        stream,
        producer: this.name,
        sequence: first + index,
        offset: answer.firstOffset + index,
        sequenceNumber: answer.firstSequenceNumber + index,
      });
    }
  }

  #failed(first: number, count: number, error: VaultClientError): void {
    const { history, world } = this.#around;
    const { stream } = this.#setup;
    const isCertain = error.acknowledged === 0 && (error.outcome ?? 'not_stored') === 'not_stored';
    world.note(this.name, `#${first}+${count} failed: ${error.code}${isCertain ? '' : ', perhaps stored'}`);
    for (let index = 0; index < count; index += 1) {
      this.#open.delete(first + index);
      const kind = isCertain ? 'fail' : 'unknown';
      history.add({ kind, stream, producer: this.name, sequence: first + index, code: error.code });
    }
  }
}
