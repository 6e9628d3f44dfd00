import type { Dispatcher } from '@message-vault/bus';
import { HttpProblem, type PublishRequest } from '@message-vault/http';
import { type AppendResult, type Leadership, LogError } from '@message-vault/log';
import type { NameDocument, StreamPolicy } from '@message-vault/metadata';
import { type Runtime, waitAtMost } from '@message-vault/runtime';
import type { CatalogListener } from './catalog.ts';
import { type DispatchingOptions, openDispatcher } from './dispatching.ts';
import { identityOf } from './names/identity.ts';
import { NamesTerm, type NamesTermOptions } from './names/names-term.ts';
import { RetentionRounds } from './retention-rounds.ts';
import { writableStream } from './stream-entry.ts';
import { Writers, type WritersOptions } from './writers.ts';

export interface TermOptions extends WritersOptions, NamesTermOptions {
  readonly dispatching: DispatchingOptions;
  readonly autoCreate: boolean;
  /** Of streams that come to be by their first publish. */
  readonly newStreamPolicy: StreamPolicy;
}

/** One time of this node as the leader, from its election to its end: nothing of it outlives it. */
export class Term {
  readonly leadership: Leadership;
  readonly writers: Writers;
  readonly names: NamesTerm;
  readonly dispatcher: Dispatcher;
  readonly #forgetNames: () => void;
  readonly #retention: RetentionRounds;
  readonly #options: TermOptions;

  constructor(options: TermOptions) {
    this.#options = options;
    this.leadership = options.leadership;
    this.writers = new Writers({
      ...options,
      onCommit: (tail, commit, stream) => {
        options.onCommit(tail, commit, stream);
        this.dispatcher.grown(stream.streamId, tail);
      },
    });
    this.names = new NamesTerm(options);
    this.dispatcher = openDispatcher(options.dispatching, this);
    this.#forgetNames = options.catalog.subscribe(namesFor(this.dispatcher, options.logger));
    this.#retention = new RetentionRounds({
      ...options,
      neededFrom: (router) => this.dispatcher.neededFrom(router),
    });
  }

  /** Errors: LogError, StorageError, HttpProblem. */
  async publish(request: PublishRequest): Promise<AppendResult> {
    const document = this.#options.catalog.known(request.name) ?? (await this.#streamFor(request));
    try {
      return await this.#append(document, request);
    } catch (error) {
      // If the role went away between the look and the write, the name is free again, and this is its first publish.
      const now = await this.#options.catalog.lookup(request.name);
      if (now !== undefined && identityOf(now) === identityOf(document)) throw error;
      return await this.#append(await this.#streamFor(request), request);
    }
  }

  async #streamFor(request: PublishRequest): Promise<NameDocument> {
    const { catalog, autoCreate, newStreamPolicy } = this.#options;
    const known = await catalog.lookup(request.name);
    if (known !== undefined) return known;
    if (!autoCreate) {
      throw new HttpProblem(
        'no_such_name',
        `${request.name} has no role, and publishing does not give it one here`,
      );
    }
    refuseWhatAnEmptyStreamWould(request);
    return await this.names.authority.ensureStream(request.name, newStreamPolicy);
  }

  #append(document: NameDocument, request: PublishRequest): Promise<AppendResult> {
    const { batch, header, expectedSequenceNumber } = request;
    if (document.role === 'router') this.dispatcher.admit(document);
    return this.writers.with(writableStream(document), (writer) =>
      writer.append(batch, {
        header,
        ...(expectedSequenceNumber === undefined ? {} : { expectedSequenceNumber }),
      }),
    );
  }

  async end(): Promise<void> {
    this.#retention.stop();
    this.names.end();
    this.#forgetNames();
    // It writes by the writers.
    await this.dispatcher.end();
    await this.writers.close();
  }
}

/** What a dispatcher is to know of names as they change. */
function namesFor(dispatcher: Dispatcher, logger: DispatchingOptions['logger']): CatalogListener {
  return {
    changed: (document) => {
      if (document.role === 'router') dispatcher.changed(document);
    },
    gone: (document) => {
      dispatcher.gone(document).catch((error: unknown) => {
        logger.warn({ error, router: document.name }, 'what was kept of a router that is gone stays for now');
      });
    },
  };
}

/** A publish that is going to be refused must not make a stream of the name. */
function refuseWhatAnEmptyStreamWould({ expectedSequenceNumber, header }: PublishRequest): void {
  if (expectedSequenceNumber !== undefined && expectedSequenceNumber !== 0) {
    throw new LogError('sequence_mismatch', 'the next sequence number is 0: nothing was published yet', {
      expectedSequenceNumber: 0,
    });
  }
  if (header.producer !== undefined && header.producer.sequence !== 0) {
    throw new LogError(
      'producer_gap',
      'this producer has to begin with sequence 0: nothing was published yet',
      {
        expectedProducerSequence: 0,
      },
    );
  }
}

/** Publishes held while leadership changes hands on purpose: a pause to their clients, no error. */
export class Gate {
  #opened: PromiseWithResolvers<void> | undefined;

  get held(): boolean {
    return this.#opened !== undefined;
  }

  hold(): void {
    this.#opened ??= Promise.withResolvers();
  }

  release(): void {
    this.#opened?.resolve();
    this.#opened = undefined;
  }

  /** Resolves when nothing is held (any more), at the latest after `maxMs`. */
  async pass(runtime: Runtime, maxMs: number): Promise<void> {
    if (this.#opened !== undefined) await waitAtMost(runtime, maxMs, this.#opened.promise);
  }
}
