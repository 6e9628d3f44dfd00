import { encodeBatch, type Message } from '@message-vault/framing';
import {
  ChunkCache,
  createStream,
  iterateMessages,
  type Leadership,
  openReader,
  openWriter,
  type ReadMessage,
  type StreamReader,
  type StreamRef,
  type StreamWriter,
  type WriterSettings,
} from '@message-vault/log';
import {
  deadLetterOf,
  defaultLimits,
  intakeOf,
  type NameDocument,
  type QueueDocument,
  type RouterDocument,
  type RouterPolicy,
  routerPolicySchema,
  type StreamDocument,
  streamPolicySchema,
} from '@message-vault/metadata';
import { randomUuid } from '@message-vault/runtime';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import {
  type Fault,
  faultyStorage,
  memoryStorage,
  type Storage,
  type StorageCall,
} from '@message-vault/storage';
import { inProcessWakeup } from '@message-vault/wakeup';
import {
  type Delivery,
  type DeliveryResult,
  Dispatcher,
  type DispatcherPorts,
  type DispatcherSettings,
  Queues,
  queuePort,
  type SubscriptionRequest,
  type SubscriptionView,
} from '../../../src/index.ts';
import { newQueue } from '../../support/new-queue.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** What a webhook was given, and how it answers. */
export type Subscriber = (delivery: Delivery) => DeliveryResult | Promise<DeliveryResult>;

/** A leadership a test can take away. */
export class TestLeadership implements Leadership {
  readonly epoch: number;
  leading = true;

  constructor(epoch: number) {
    this.epoch = epoch;
  }

  isLeading(): boolean {
    return this.leading;
  }

  lost(): void {
    this.leading = false;
  }
}

export interface LeaderOptions {
  readonly fault?: (call: StorageCall) => Fault | undefined;
  readonly settings?: Partial<DispatcherSettings>;
  readonly writer?: Partial<WriterSettings>;
}

/** Names, storage in memory and leaders one after the other, in virtual time. */
export class World {
  readonly runtime: VirtualRuntime;
  readonly storage: Storage;
  readonly names = new Map<string, NameDocument>();
  /** By URL. */
  readonly webhooks = new Map<string, Subscriber>();
  readonly #cache = new ChunkCache({ maxBytes: 64 * 1024 * 1024 });
  #epoch = 0;

  constructor(seed = 1) {
    this.runtime = new VirtualRuntime({ seed });
    this.storage = memoryStorage({ runtime: this.runtime });
  }

  async stream(name: string, policy: Partial<StreamDocument['policy']> = {}): Promise<StreamDocument> {
    const document: StreamDocument = {
      ...this.#common(name),
      role: 'stream',
      streamId: this.uuid(),
      container: this.#container(),
      policy: streamPolicySchema.parse(policy),
    };
    await this.#makeStream(document);
    return document;
  }

  async queue(name: string, policy: Partial<QueueDocument['policy']> = {}): Promise<QueueDocument> {
    const { runtime, storage } = this;
    const document = await newQueue({ runtime, storage, name, policy });
    this.names.set(name, document);
    return document;
  }

  async router(name: string, policy: Partial<RouterPolicy> = {}): Promise<RouterDocument> {
    const document: RouterDocument = {
      ...this.#common(name),
      role: 'router',
      routerId: this.uuid(),
      streamId: this.uuid(),
      container: this.#container(),
      deadLetterId: this.uuid(),
      deadLetterQueue: this.#container(),
      bodiesContainer: this.#container(),
      policy: routerPolicySchema.parse(policy),
    };
    await this.#makeStream(intakeOf(document));
    await this.storage.queues.createQueue(document.deadLetterQueue);
    await this.storage.pages.createContainer(document.bodiesContainer);
    this.names.set(name, document);
    return document;
  }

  leader(options: LeaderOptions = {}): Leader {
    this.#epoch += 1;
    return new Leader(this, this.#epoch, options);
  }

  uuid(): string {
    return randomUuid(this.runtime);
  }

  /** Lets what is going on come to rest. */
  async settle(ms = 5000): Promise<void> {
    await this.runtime.advance(ms);
  }

  async run<Value>(promise: Promise<Value>): Promise<Value> {
    return await this.runtime.run(promise);
  }

  /** All values of a stream, or of what a router took in. */
  async values(document: StreamDocument | RouterDocument): Promise<string[]> {
    return (await this.messages(document)).map(({ value }) => Buffer.from(value).toString());
  }

  async messages(document: StreamDocument | RouterDocument): Promise<ReadMessage[]> {
    const stream = document.role === 'router' ? intakeOf(document) : document;
    const reader = this.reader(stream, this.storage);
    const messages: ReadMessage[] = [];
    for (let from = 0; ; ) {
      const { commits, nextOffset, upToDate } = await this.run(reader.read({ from, maxBytes: 1 << 24 }));
      messages.push(...iterateMessages(commits, from));
      from = nextOffset;
      if (upToDate) break;
    }
    reader.close();
    return messages;
  }

  /** Everything in a queue, taken out of it: values in the order they come. */
  async drain(queue: QueueDocument): Promise<{ id: string; value: string; reason: string | undefined }[]> {
    const queues = this.queues(this.storage);
    const taken: { id: string; value: string; reason: string | undefined }[] = [];
    const signal = new AbortController().signal;
    for (;;) {
      const next = await this.run(queues.receiveAndDelete(queue, { timeoutMs: 0, signal }));
      if (next === undefined) break;
      const { id, message, deadLetter } = next;
      taken.push({ id, value: Buffer.from(message.value).toString(), reason: deadLetter?.reason });
    }
    await this.run(queues.close());
    return taken;
  }

  deadLetters(router: RouterDocument) {
    return this.drain(deadLetterOf(router));
  }

  queues(storage: Storage): Queues {
    const { queues, bodies, documents } = storage;
    const wakeup = inProcessWakeup({ logger: silent });
    const limits = defaultLimits.queue;
    return new Queues({ queues, bodies, documents, runtime: this.runtime, wakeup, logger: silent, limits });
  }

  reader(stream: StreamDocument, storage: Storage): StreamReader {
    const { name, streamId, container } = stream;
    return openReader({
      pages: storage.pages,
      runtime: this.runtime,
      stream: { name, streamId, container },
      cache: this.#cache,
    });
  }

  #common(name: string) {
    return { version: 1 as const, name, createdAt: this.runtime.now(), createdByEpoch: 1 };
  }

  #container(): string {
    return `mv-${Buffer.from(this.runtime.randomBytes(16)).toString('hex')}`;
  }

  async #makeStream(document: StreamDocument): Promise<void> {
    const { segmentBytes } = document.policy;
    const stream = refOf(document);
    await createStream({ pages: this.storage.pages, stream, epoch: 1, segmentBytes });
    if (!this.names.has(document.name)) this.names.set(document.name, document);
  }
}

function refOf({ name, streamId, container }: StreamDocument): StreamRef {
  return { name, streamId, container, madeWithSegment: true };
}

/** One leader's term: writers, readers and a dispatcher, over storage of which a test says what goes wrong. */
export class Leader {
  readonly world: World;
  readonly leadership: TestLeadership;
  readonly dispatcher: Dispatcher;
  readonly storage: Storage;
  readonly calls: StorageCall[] = [];
  readonly warnings: string[] = [];
  /** Readers that were acquired and not let go of. */
  leases = 0;
  readonly #writerSettings: Partial<WriterSettings> | undefined;
  readonly #writers = new Map<string, Promise<StreamWriter>>();
  readonly #readers = new Map<string, StreamReader>();

  constructor(world: World, epoch: number, options: LeaderOptions) {
    this.world = world;
    this.leadership = new TestLeadership(epoch);
    this.#writerSettings = options.writer;
    const plan = (call: StorageCall): Fault | undefined => {
      this.calls.push(call);
      return options.fault?.(call);
    };
    this.storage = faultyStorage(world.storage, plan, { runtime: world.runtime });
    this.dispatcher = new Dispatcher({ ports: this.#ports(), settings: options.settings });
  }

  async publish(
    router: RouterDocument | StreamDocument,
    values: readonly string[],
    more: Partial<Message> = {},
  ) {
    const stream = router.role === 'router' ? intakeOf(router) : router;
    const messages = values.map((value) => ({ ...more, ...text(value, more) }));
    return await this.world.run(this.append(stream, encodeBatch({ messages })));
  }

  async subscribe(router: RouterDocument, request: SubscriptionRequest): Promise<SubscriptionView> {
    return (await this.world.run(this.dispatcher.subscribe(router, request))).subscription;
  }

  async view(router: RouterDocument, id: string): Promise<SubscriptionView> {
    return (await this.world.run(this.dispatcher.work(router))).view(id);
  }

  /** An orderly end. */
  async end(): Promise<void> {
    await this.world.run(this.dispatcher.end());
    this.leadership.leading = false;
    for (const writer of this.#writers.values()) {
      const [opened] = await Promise.allSettled([writer]);
      if (opened.status === 'fulfilled') await this.world.run(opened.value.close());
    }
    for (const reader of this.#readers.values()) reader.close();
  }

  async append(stream: StreamDocument, batch: Uint8Array) {
    return await (await this.#writer(stream)).append(batch);
  }

  #writer(stream: StreamDocument): Promise<StreamWriter> {
    const { streamId } = stream;
    const known = this.#writers.get(streamId);
    if (known !== undefined) return known;
    const opening = openWriter({
      pages: this.storage.pages,
      runtime: this.world.runtime,
      leadership: this.leadership,
      stream: refOf(stream),
      settings: this.#writerSettings,
      onCommit: (tail, commit) => {
        this.#readers.get(streamId)?.hint(tail.page, commit);
        this.dispatcher.grown(streamId, tail);
      },
    });
    this.#writers.set(streamId, opening);
    opening.catch(() => this.#writers.delete(streamId));
    return opening;
  }

  #ports(): DispatcherPorts {
    const { world, leadership, storage } = this;
    return {
      runtime: world.runtime,
      documents: storage.documents,
      leadership,
      lookup: async (name) => world.names.get(name),
      tail: async (stream) => (await this.#writer(stream)).tail,
      append: (stream, batch) => this.append(stream, batch),
      acquireReader: (stream) => {
        const reader = this.#readers.get(stream.streamId) ?? world.reader(stream, storage);
        this.#readers.set(stream.streamId, reader);
        this.leases += 1;
        const release = (): void => {
          this.leases -= 1;
        };
        return { reader, release };
      },
      queues: queuePort(world.queues(storage)),
      webhooks: {
        check: () => {},
        handshake: async () => ({ origin: 'vault.test' }),
        push: async (target, delivery) =>
          (await world.webhooks.get(target.url)?.(delivery)) ?? { outcome: 'retry', reason: 'nobody there' },
      },
      logger: { ...silent, warn: (_fields: object, message: string) => this.warnings.push(message) },
    };
  }
}

export function text(value: string, more: Partial<Message> = {}): Message {
  return { value: Buffer.from(value), kind: 'text', headers: [], ...more };
}

export function numbered(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => `m${from + index}`);
}
