import type { LateProducer, Load } from '../drill.ts';
import type { Recorder } from '../record/recorder.ts';
import { until } from '../wait.ts';
import { ReplayConsumer, TailConsumer } from './consumers.ts';
import { readFromNode, readStorage, readThroughNodes } from './final-read.ts';
import { Producer } from './producer.ts';
import type { FinishOptions, RunWorkload } from './run-workload.ts';

export interface WorkloadOptions {
  readonly urls: readonly string[];
  readonly stream: string;
  readonly load: Load;
  readonly recorder: Recorder;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** Told of a consumer that came to its end too early. */
  readonly ended: (text: string) => void;
}

export const defaultLoad: Load = {
  producers: 3,
  everyMs: 10,
  maxOutstanding: 2000,
  deliveryTimeoutMs: 60_000,
  tails: 2,
  replayers: 1,
  segmentCommits: undefined,
};

const WARM_WITHIN_MS = 20_000;
const ARRIVE_WITHIN_MS = 30_000;

/** Everybody who publishes to and reads from the stream of one run. */
export class Workload implements RunWorkload {
  readonly #options: WorkloadOptions;
  readonly #producers: readonly Producer[];
  readonly #tails: readonly TailConsumer[];
  readonly #replayers: readonly ReplayConsumer[];
  readonly #late: Producer[] = [];
  readonly #sideStreams = new Set<string>();

  constructor(options: WorkloadOptions) {
    const { load } = options;
    this.#options = options;
    this.#producers = numbered('producer', load.producers).map(
      (name) => new Producer({ ...options, ...load, name }),
    );
    this.#tails = numbered('tail', load.tails).map((name) => new TailConsumer({ ...options, name }));
    this.#replayers = numbered('replay', load.replayers).map(
      (name) => new ReplayConsumer({ ...options, name }),
    );
  }

  /** Resolves when every producer has had `acks` acknowledgements. */
  async start(acks: number): Promise<void> {
    for (const producer of this.#producers) producer.start();
    await this.#untilAcked(1);
    for (const consumer of [...this.#tails, ...this.#replayers]) consumer.start();
    await this.#untilAcked(acks);
  }

  /** The streams that were published to, the run's own first. */
  get #streams(): readonly string[] {
    return [this.#options.stream, ...this.#sideStreams];
  }

  /** One more producer, that publishes through one node only, to a stream beside, and what it is told to. */
  producerThrough(url: string, side: string): LateProducer {
    const { load } = this.#options;
    const stream = `${this.#options.stream}-${side}`;
    const name = `late-producer-${this.#late.length + 1}`;
    const producer = new Producer({
      ...this.#options,
      ...load,
      urls: [url],
      followLeader: false,
      stream,
      name,
    });
    this.#late.push(producer);
    this.#sideStreams.add(stream);
    return {
      async publish(count) {
        for (let sent = 0; sent < count; sent++) producer.publish();
        await producer.ended();
      },
    };
  }

  async finish({ storage, nodes }: FinishOptions): Promise<void> {
    const { signal, recorder, urls } = this.#options;
    await Promise.all([...this.#producers, ...this.#late].map((producer) => producer.stop()));
    const ends: number[] = [];
    for (const stream of this.#streams) {
      const options = { stream, signal, recorder };
      ends.push(await (storage ? readStorage(storage, options) : readThroughNodes(urls, options)));
    }
    await this.#stopConsumers(ends[0] ?? 0);
    for (const { url, nodeId } of nodes) {
      for (const stream of this.#streams)
        await readFromNode(url, { stream, signal, recorder, consumer: `in the end from ${nodeId}` });
    }
  }

  /** Waits until every tail has been given what there is, and ends all consumers. */
  async #stopConsumers(nextOffset: number): Promise<void> {
    const { signal, ended } = this.#options;
    const missing = (): TailConsumer[] => this.#tails.filter((tail) => tail.nextOffset < nextOffset);
    await until('the tails have everything', () => (missing().length === 0 ? true : undefined), {
      withinMs: ARRIVE_WITHIN_MS,
      signal,
    }).catch(() => {
      for (const tail of missing()) {
        ended(`${tail.name} was given everything up to offset ${tail.nextOffset}, of ${nextOffset}`);
      }
    });
    await Promise.all([...this.#tails, ...this.#replayers].map((consumer) => consumer.stop()));
  }

  /** Ends everything now. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#tails, ...this.#replayers]
        .map((consumer) => consumer.stop())
        .concat([...this.#producers, ...this.#late].map((producer) => producer.close())),
    );
  }

  async #untilAcked(acks: number): Promise<void> {
    const behind = (): boolean => this.#producers.some((producer) => producer.acked < acks);
    await until(`${acks} acknowledgements for every producer`, () => (behind() ? undefined : true), {
      withinMs: WARM_WITHIN_MS,
      signal: this.#options.signal,
    });
  }
}

const numbered = (what: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${what}-${at + 1}`);
