import { contextOf } from './context.ts';
import type { Asking, Door } from './door.ts';
import { VaultClientError } from './errors.ts';
import type { ClientContext } from './exchange.ts';
import type { OutgoingMessage, VaultMessage } from './messages.ts';
import { checkedName, checkedPrefix } from './names/checked-name.ts';
import { NameHandle } from './names/name.ts';
import { type ClientOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import type { PublishResult } from './publish/call.ts';
import { Publisher, type PublishOptions } from './publish/publisher.ts';
import {
  askCluster,
  askHandover,
  askNames,
  askStats,
  type CallOptions,
  type ClusterInfo,
  type LeaderInfo,
  type NameEntry,
  type NamesOptions,
  type StreamStats,
} from './questions.ts';
import { QueueHandle } from './queue/queue.ts';
import type { ReadChunk } from './read/chunks.ts';
import { flatten, Reader, type ReadOptions, type TailOptions } from './read/reader.ts';
import type { RelayHandler } from './relay/handler.ts';
import type { RelayOptions } from './relay/relay-listener.ts';
import { RouterHandle } from './router/router.ts';

/** A client of a whole cluster. Make one and share it: it batches what is published through it. */
export function createClient(options: ClientOptions): VaultClient {
  return new VaultClient(options);
}

export class VaultClient {
  readonly #options: ClientOptions;
  readonly #settings: ResolvedOptions;
  readonly #context: ClientContext;
  readonly #door: Door;
  readonly #publisher: Publisher;
  readonly #reader: Reader;
  readonly #closing = new AbortController();

  constructor(options: ClientOptions) {
    const settings = resolveOptions(options);
    this.#options = options;
    this.#settings = settings;
    this.#context = contextOf(options, settings);
    this.#publisher = new Publisher(this.#context, {
      ...settings,
      lanes: settings.publishConnections,
    });
    this.#door = { context: this.#context, asking: (asked) => this.#asking(asked) };
    this.#reader = new Reader({ ...this.#door, openPages: options.openPages });
  }

  /**
   * Publishes and resolves once the messages are stored for good. Calls made at the same time share batches. Each
   * message is stored once, however often it had to be sent, and in the order of the calls. An array larger than a
   * batch is several batches. Don't change a Uint8Array before its call has ended. The same for queues and routers: a
   * queue answers with the ids its messages have, which are the same should it get one twice.
   * Errors: VaultClientError, whose `outcome` says what is known of the messages.
   */
  publish(
    name: string,
    messages: OutgoingMessage | readonly OutgoingMessage[],
    options: PublishOptions = {},
  ): Promise<PublishResult> {
    return this.#publisher.publish(name, messages, options);
  }

  /** The messages from `from` to where the tail is when it is reached. */
  read(stream: string, options: ReadOptions = {}): AsyncGenerator<VaultMessage, void, undefined> {
    return flatten(this.readChunks(stream, options), options.limit);
  }

  /**
   * As `read`, some MiB of messages at a time: for bulk, where awaiting every single message would cost. `limit` is a
   * hint here: the last chunk may have more.
   */
  readChunks(stream: string, options: ReadOptions = {}): AsyncGenerator<ReadChunk, void, undefined> {
    return this.#reader.chunks(stream, options);
  }

  /**
   * The messages from `from` on, and those to come, until the signal fires or the loop is left. Whatever becomes of
   * single nodes, it goes on where it was: no gap, no repeat. A stream that does not exist yet is waited for and shown
   * from its beginning, whatever `from` says of a tail there was not.
   */
  tail(stream: string, options: TailOptions = {}): AsyncGenerator<VaultMessage, void, undefined> {
    return flatten(this.tailChunks(stream, options), options.limit);
  }

  /** As `tail`, as many messages at a time as have come. An empty chunk says that there is no news. */
  tailChunks(stream: string, options: TailOptions = {}): AsyncGenerator<ReadChunk, void, undefined> {
    return this.#reader.tailChunks(stream, options);
  }

  /** As `read`, but from the storage itself: a node is asked for access only. Errors: also `unsupported`. */
  readDirect(stream: string, options: ReadOptions = {}): AsyncGenerator<VaultMessage, void, undefined> {
    return flatten(this.readDirectChunks(stream, options), options.limit);
  }

  /** As `readChunks`, from the storage itself. */
  readDirectChunks(stream: string, options: ReadOptions = {}): AsyncGenerator<ReadChunk, void, undefined> {
    return this.#reader.directChunks(stream, options);
  }

  stats(stream: string, options: CallOptions = {}): Promise<StreamStats> {
    return askStats(this.#context, checkedName(stream), this.#asking(options));
  }

  /** All names, or those that begin with `prefix`, in order. */
  names(options: NamesOptions = {}): AsyncGenerator<NameEntry, void, undefined> {
    return askNames(this.#context, checkedPrefix(options.prefix ?? ''), this.#asking(options));
  }

  /** One name, whatever its role: its policy, what is below it, what it holds. */
  name(name: string): NameHandle {
    return new NameHandle(this.#door, checkedName(name));
  }

  /** A queue (`…/dead-letter` of a queue or router is one as well), to take messages from. */
  queue(name: string): QueueHandle {
    return new QueueHandle(this.#door, checkedName(name));
  }

  /** A router, to subscribe others to or to listen to. */
  router(name: string): RouterHandle {
    return new RouterHandle(this.#door, checkedName(name));
  }

  /**
   * Serves a connection point: requests to it come to `handler`, over a connection this client opens and keeps up through
   * any node. Resolves when the signal has fired and what was under way is finished.
   * Errors: `not_found`, `rejected` and the like when a node refuses for good.
   */
  async listen(name: string, handler: RelayHandler, options: RelayOptions = {}): Promise<void> {
    // What speaks WebSocket is loaded by those who want it.
    const { listenToRelay } = await import('./relay/relay-listener.ts');
    await listenToRelay(this.#door, checkedName(name), handler, options);
  }

  /** Who leads. */
  cluster(options: CallOptions = {}): Promise<ClusterInfo> {
    return askCluster(this.#context, this.#asking(options));
  }

  /** Makes another node lead, and answers which. Not repeated when it fails. */
  handover(options: CallOptions = {}): Promise<LeaderInfo | undefined> {
    return askHandover(this.#context, this.#signal(options.signal));
  }

  /** Resolves when everything published so far has ended, one way or the other; each publish has its own result. */
  flush(): Promise<void> {
    return this.#publisher.flush();
  }

  /** Ends running reads, takes no more publishes, waits for those under way and lets go of all connections. */
  async close(): Promise<void> {
    this.#closing.abort(new VaultClientError('closed', 'the client has been closed'));
    await this.#publisher.close();
    if (this.#options.transport === undefined) await this.#context.transport.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #asking(options: CallOptions): Asking {
    return { giveUpAfterMs: this.#settings.giveUpAfterMs, signal: this.#signal(options.signal) };
  }

  #signal(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
  }
}
