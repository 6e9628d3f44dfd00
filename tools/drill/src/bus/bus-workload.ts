import { createClient } from '@message-vault/client';
import type { BusHands } from '../drill.ts';
import type { Recorder } from '../record/recorder.ts';
import { until } from '../wait.ts';
import { TailConsumer } from '../workload/consumers.ts';
import { readStorage } from '../workload/final-read.ts';
import { Producer } from '../workload/producer.ts';
import type { FinishOptions, RunWorkload } from '../workload/run-workload.ts';
import type { WorkloadOptions } from '../workload/workload.ts';
import { Composition } from './composition.ts';
import { ConsumerProcess } from './consumer.ts';
import { readDeadLetters } from './dead-letter-reader.ts';
import { ConnectedListener } from './listener.ts';
import { Sink } from './sink.ts';
import { whatWaits } from './what-waits.ts';

const JOB_PRODUCERS = 2;
const TASK_PRODUCERS = 1;
const CONSUMERS = 3;
const CONCURRENCY = 4;
const SINKS = 3;
const LISTENERS = 2;
/** More than fits into a message of a storage queue. */
const LARGE_BYTES = 120_000;
const WARM_WITHIN_MS = 60_000;
/** As long as a message can take that is pushed to a subscriber which comes back, or is held by a consumer that does not. */
const REST_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 200;

/** Everybody who publishes to, consumes from and subscribes to the queues and routers of one run. */
export class BusWorkload implements RunWorkload, BusHands {
  readonly #options: WorkloadOptions;
  readonly #composition: Composition;
  readonly #client;
  readonly #recorder: Recorder;
  readonly #producers: readonly Producer[];
  readonly #tails: readonly TailConsumer[];
  readonly #listeners: readonly ConnectedListener[];
  readonly #stopped = new AbortController();
  #deadLetters: Promise<unknown> = Promise.resolve();
  readonly #consumers: ConsumerProcess[] = [];
  readonly #sinks: Sink[] = [];
  #built = false;

  constructor(options: WorkloadOptions) {
    const { stream, recorder, load, urls } = options;
    this.#options = options;
    this.#recorder = recorder;
    this.#composition = new Composition(stream);
    this.#client = createClient({ urls });
    const producing = (name: string, to: string): Producer => {
      const behaviour = { ...options, ...load, accepts: true, largeBytes: LARGE_BYTES } as const;
      return new Producer({ ...behaviour, name, stream: this.#composition.name(to) });
    };
    this.#producers = [
      ...numbered('job-producer', JOB_PRODUCERS).map((name) => producing(name, 'jobs')),
      ...numbered('task-producer', TASK_PRODUCERS).map((name) => producing(name, 'tasks')),
    ];
    const archive = this.#composition.name('archive');
    this.#tails = numbered('tail', load.tails).map(
      (name) => new TailConsumer({ ...options, name, stream: archive }),
    );
    this.#listeners = numbered('listener', LISTENERS).map(
      (name) =>
        new ConnectedListener({
          ...options,
          router: this.#composition.name('work'),
          name: this.#composition.name(name),
          record: this.#record,
        }),
    );
  }

  get consumers(): readonly ConsumerProcess[] {
    return this.#consumers;
  }

  sink(name: string): Sink {
    const sink = this.#sinks.find((each) => each.name === this.#composition.name(name));
    if (sink === undefined) throw new Error(`there is no sink ${name}`);
    return sink;
  }

  delivered(place: string): number {
    const name = this.#composition.name(place);
    return this.#recorder.deliveries.find((each) => each.place === name)?.times.length ?? 0;
  }

  async start(acks: number): Promise<void> {
    await this.#build();
    for (const tail of this.#tails) tail.start();
    for (const name of numbered('consumer', CONSUMERS)) this.#consume(name);
    await Promise.all(this.#listeners.map((listener) => listener.start()));
    for (const producer of this.#producers) producer.start();
    const warm = (): boolean =>
      this.#producers.every(({ acked }) => acked >= acks) &&
      ['audit', 'tasks', 'archive', 'work', 'hook'].every((place) => this.delivered(place) >= acks);
    await until(`${acks} messages for everybody`, () => (warm() ? true : undefined), {
      withinMs: WARM_WITHIN_MS,
      signal: this.#options.signal,
    });
  }

  async finish({ storage }: FinishOptions): Promise<void> {
    const { signal } = this.#options;
    await Promise.all(this.#producers.map((producer) => producer.stop()));
    // What does not arrive is told by the checkers, message by message.
    await until('everything has arrived', () => (this.#recorder.outstanding === 0 ? true : undefined), {
      withinMs: REST_WITHIN_MS,
      signal,
      everyMs: LOOK_EVERY_MS,
    }).catch(async () => {
      signal.throwIfAborted();
      for (const text of await whatWaits(this.#client, this.#composition)) this.#options.ended(text);
    });
    await this.#stopConsuming();
    this.#record({ kind: 'at-rest', at: performance.now() });
    if (storage === undefined) return;
    for (const stream of this.#composition.logs)
      await readStorage(storage, { stream, signal, recorder: this.#recorder });
  }

  async close(): Promise<void> {
    await Promise.all(this.#producers.map((producer) => producer.close()));
    await this.#stopConsuming();
    if (this.#built) await this.#composition.remove(this.#client).catch(() => {});
    await Promise.all(this.#sinks.map((sink) => sink.close()));
    await this.#client.close();
  }

  async #build(): Promise<void> {
    const { random } = this.#options;
    const { name } = this.#composition;
    for (const last of ['hook', ...numbered('sink', SINKS)])
      this.#sinks.push(await Sink.open({ name: name(last), record: this.#record, random }));
    const webhooks = numbered('sink', SINKS).map((last) => ({ name: last, url: this.sink(last).url }));
    const subscribers = { webhooks, listeners: numbered('listener', LISTENERS) };
    for (const place of this.#composition.places(subscribers)) this.#record(place);
    this.#built = true;
    await this.#composition.build(this.#client, this.sink('hook').url, subscribers);
    this.#deadLetters = Promise.all(
      this.#composition.withDeadLetters.map((of) =>
        readDeadLetters(this.#client, of, { record: this.#record, signal: this.#stopped.signal }),
      ),
    ).catch((error) => {
      if (!this.#stopped.signal.aborted) this.#options.ended(`dead letters could not be read: ${error}`);
    });
  }

  #consume(name: string): void {
    const { urls, ended } = this.#options;
    const { queues } = this.#composition;
    const plan = { name, urls, queues, concurrency: CONCURRENCY };
    this.#consumers.push(new ConsumerProcess({ ...plan, record: this.#record, ended }));
  }

  async #stopConsuming(): Promise<void> {
    this.#stopped.abort();
    await Promise.all([
      ...this.#consumers.map((consumer) => consumer.stop()),
      ...this.#listeners.map((listener) => listener.stop()),
      ...this.#tails.map((tail) => tail.stop()),
      this.#deadLetters,
    ]);
  }

  readonly #record: Recorder['add'] = (event) => this.#recorder.add(event);
}

const numbered = (what: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${what}-${at + 1}`);
