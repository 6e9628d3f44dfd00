import { type ClientRequest, type IncomingMessage, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { Queues, Relay, type RelaySettings, type Routers, routersOf } from '@message-vault/bus';
import {
  ChunkCache,
  type Leadership,
  openReader,
  openWriter,
  type StreamReader,
  type StreamWriter,
  type WriterSettings,
} from '@message-vault/log';
import {
  containerName,
  defaultLimits,
  defaultStreamPolicy,
  type Limits,
  type NameDocument,
  type StreamDocument,
  summaryOf,
} from '@message-vault/metadata';
import { randomUuid, systemRuntime } from '@message-vault/runtime';
import { memoryStorage, type Storage, StorageError } from '@message-vault/storage';
import { createMetrics, silentLogger } from '@message-vault/telemetry';
import { inProcessWakeup, type Wakeup } from '@message-vault/wakeup';
import { onTestFinished } from 'vitest';
import {
  type ClusterView,
  createHttpApp,
  ForwardError,
  type ForwardRequest,
  type HandoverResult,
  type HttpApp,
  type HttpOptions,
  type NodePorts,
  type NodeStatus,
  type PageRequest,
  type Readiness,
} from '../../src/index.ts';

/** A node as small as can be around the real log on memory storage: one writer and one reader per stream. */
export class TestNode {
  readonly storage: Storage;
  readonly relay: Relay;
  /** No dispatcher runs here: a test that wants one brings it along. */
  routers: Routers = routersOf(() => undefined);
  readonly queues: Queues;
  /** Nodes of a cluster hear of each other's. */
  readonly wakeup: Wakeup;
  /** Shared by the nodes of a cluster. */
  readonly names: Map<string, StreamDocument>;
  /** Names with a role other than stream; shared likewise. */
  readonly others: Map<string, NameDocument>;
  readonly status: { -readonly [Key in keyof NodeStatus]: NodeStatus[Key] };
  readiness: Readiness = { ready: true };
  alive = true;
  handoverResult: HandoverResult = { done: false, reason: 'there is no standby' };
  /** Runs before a publish reaches the log. */
  beforePublish: () => void | Promise<void> = () => undefined;
  /** What was last published, as it came to the log. */
  lastBatch: Uint8Array | undefined;
  policy = defaultStreamPolicy;
  writerSettings: Partial<WriterSettings> = {};
  readonly #cache = new ChunkCache({ maxBytes: 64 * 1024 * 1024 });
  readonly #writers = new Map<string, Promise<StreamWriter>>();
  readonly #readers = new Map<string, StreamReader>();
  leases = 0;
  storageReads = 0;
  /** Reads of segments that are still to fail. */
  failReads = 0;
  readonly hints: unknown[] = [];
  hintsAreUseful = true;

  constructor(cluster?: TestNode, relay: RelaySettings = defaultLimits.relay) {
    this.relay = new Relay({ runtime: systemRuntime, settings: relay });
    if (cluster === undefined) this.relay.open();
    this.storage = cluster?.storage ?? this.#watched(memoryStorage());
    this.wakeup = cluster?.wakeup ?? inProcessWakeup({ logger: silentLogger });
    this.queues = new Queues({
      ...this.storage,
      runtime: systemRuntime,
      wakeup: this.wakeup,
      logger: silentLogger,
      limits: defaultLimits.queue,
    });
    if (cluster === undefined) this.queues.lead(7);
    this.names = cluster?.names ?? new Map();
    this.others = cluster?.others ?? new Map();
    const nodeId = cluster === undefined ? 'leader-1' : `reader-${randomUuid(systemRuntime).slice(0, 4)}`;
    this.status = {
      nodeId,
      role: cluster === undefined ? 'leading' : 'reading',
      epoch: 7,
      leader: cluster?.status.leader,
      instanceId: randomUuid(systemRuntime),
      takesWrites: cluster === undefined,
    };
  }

  ports(): NodePorts {
    return {
      status: () => this.status,
      queues: this.queues,
      routers: this.routers,
      relay: this.relay,
      live: () => this.alive,
      ready: () => this.readiness,
      cluster: () => this.#view(),
      clusterHint: (hint) => {
        this.hints.push(hint);
        return Promise.resolve(this.hintsAreUseful);
      },
      witness: (url) => Promise.resolve(url === this.status.leader?.url),
      handover: () => Promise.resolve(this.handoverResult),
      metricsText: () => Promise.resolve('mvault_test 1\n'),
      lookup: (name) => this.names.get(name) ?? this.others.get(name),
      listNames: (prefix, page) => this.#list((name) => name.startsWith(prefix), page),
      listChildren: (name, page) =>
        this.#list((each) => each.startsWith(`${name}/`) && !each.slice(name.length + 1).includes('/'), page),
      names: this.#namesPort(),
      publish: async ({ name, batch, header, expectedSequenceNumber }) => {
        this.lastBatch = batch;
        await this.beforePublish();
        const writer = await this.#writer(name);
        return await writer.append(batch, { header, expectedSequenceNumber });
      },
      forward: ({ method, path, headers, body, signal }) => {
        const url = this.status.leader?.url;
        if (url === undefined) return Promise.reject(new ForwardError('no_leader', 'no leader is known'));
        return forwardByHttp(new URL(path, url), { method, headers, body, signal });
      },
      acquireReader: (document) => {
        this.leases += 1;
        let open = true;
        return {
          reader: this.reader(document),
          release: () => {
            if (open) this.leases -= 1;
            open = false;
          },
        };
      },
      grantAccess: ({ container }) =>
        Promise.resolve({
          url: `http://storage/${container}?sig=secret`,
          expiresAt: 1_800_000_000_000,
          segments: ['0000000000000000'],
        }),
    };
  }

  /** Policies are a matter of the node: here names can only be read. */
  #namesPort(): NodePorts['names'] {
    const refuse = (): never => {
      throw new Error('this node changes no policies');
    };
    return {
      read: (name) => Promise.resolve(this.names.get(name) ?? this.others.get(name)),
      outdate: () => undefined,
      assign: refuse,
      change: refuse,
      remove: refuse,
    };
  }

  /** What a stream holds by the account of a reader that shares nothing with the node. */
  async stored(name: string): Promise<number> {
    const document = this.names.get(name);
    if (document === undefined) return 0;
    const cache = new ChunkCache({ maxBytes: 1024 * 1024 });
    const reader = openReader({ pages: this.storage.pages, runtime: systemRuntime, stream: document, cache });
    const { nextSequenceNumber } = await reader.bounds();
    reader.close();
    return nextSequenceNumber;
  }

  reader(document: StreamDocument): StreamReader {
    const known = this.#readers.get(document.streamId);
    if (known !== undefined) return known;
    const reader = openReader({
      pages: this.storage.pages,
      runtime: systemRuntime,
      stream: document,
      cache: this.#cache,
    });
    this.#readers.set(document.streamId, reader);
    return reader;
  }

  /** The next read starts with nothing in memory. */
  forgetReaders(): void {
    for (const reader of this.#readers.values()) reader.close();
    this.#readers.clear();
  }

  async close(): Promise<void> {
    this.forgetReaders();
    for (const writer of this.#writers.values()) await (await writer).close();
  }

  /** Counts reads of segments, and lets some of them fail when told to. */
  #watched(storage: Storage): Storage {
    const readRange: Storage['pages']['readRange'] = async (ref, range, options) => {
      this.storageReads += 1;
      this.failReads -= 1;
      if (this.failReads >= 0) throw new StorageError('unavailable', 'the storage does not answer');
      return await storage.pages.readRange(ref, range, options);
    };
    return { ...storage, pages: { ...storage.pages, readRange } };
  }

  #view(): ClusterView {
    const { nodeId, role, leader } = this.status;
    return { leader: leader ?? null, self: { nodeId, role } };
  }

  async #list(wanted: (name: string) => boolean, { cursor, limit, sees = () => true }: PageRequest) {
    const all = [...this.names.values(), ...this.others.values()]
      .filter(({ name }) => wanted(name) && (cursor === undefined || name > cursor))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
    const page = all.slice(0, limit);
    const seen = await Promise.all(page.map((each) => sees({ name: each.name, summary: summaryOf(each) })));
    const names = page.filter((_, at) => seen[at]).map(({ name, role }) => ({ name, role }));
    return { names, cursor: all.length > limit ? page.at(-1)?.name : undefined };
  }

  #writer(name: string): Promise<StreamWriter> {
    let writer = this.#writers.get(name);
    writer ??= this.#open(name);
    this.#writers.set(name, writer);
    return writer;
  }

  async #open(name: string): Promise<StreamWriter> {
    const { pages } = this.storage;
    const document = this.names.get(name) ?? this.#document(name);
    await pages.createContainer(document.container);
    const leadership: Leadership = { epoch: this.status.epoch, isLeading: () => true, lost: () => undefined };
    this.names.set(name, document);
    return await openWriter({
      pages,
      runtime: systemRuntime,
      stream: document,
      leadership,
      settings: this.writerSettings,
      onCommit: (tail) => this.reader(document).hint(tail.page),
    });
  }

  #document(name: string): StreamDocument {
    return {
      version: 1,
      name,
      role: 'stream',
      streamId: randomUuid(systemRuntime),
      container: containerName(systemRuntime.randomBytes(16)),
      createdAt: systemRuntime.now(),
      createdByEpoch: this.status.epoch,
      policy: this.policy,
    };
  }
}

export interface RunningNode {
  readonly node: TestNode;
  readonly app: HttpApp;
  readonly url: string;
  readonly port: number;
}

export interface NodeSetup {
  readonly http?: Partial<Limits['http']>;
  readonly read?: Partial<Limits['read']>;
  readonly sse?: Partial<Limits['sse']>;
  readonly webSocket?: Partial<Limits['webSocket']>;
  readonly relay?: Partial<Limits['relay']>;
  readonly listener?: Partial<Limits['listener']>;
  /** Instead of none. */
  readonly routers?: Routers;
  readonly options?: Partial<HttpOptions>;
  /** A node of the same cluster that leads. */
  readonly leader?: RunningNode;
}

/** A node on a free port, closed when the test ends. */
export async function startNode(setup: NodeSetup = {}): Promise<RunningNode> {
  const node = new TestNode(setup.leader?.node, { ...defaultLimits.relay, settleMs: 0, ...setup.relay });
  if (setup.routers !== undefined) node.routers = setup.routers;
  const limits = {
    queue: defaultLimits.queue,
    http: { ...defaultLimits.http, ...setup.http },
    read: { ...defaultLimits.read, ...setup.read },
    sse: { ...defaultLimits.sse, ...setup.sse },
    webSocket: { ...defaultLimits.webSocket, ...setup.webSocket },
    relay: { ...defaultLimits.relay, ...setup.relay },
    listener: { ...defaultLimits.listener, ...setup.listener },
  };
  const metrics = createMetrics({ nodeId: node.status.nodeId, processMetrics: false });
  const app = createHttpApp(node.ports(), {
    limits,
    logger: silentLogger,
    metrics,
    version: '0.0.0',
    ...setup.options,
  });
  const port = await new Promise<number>((resolve) => {
    app.server.listen(0, '127.0.0.1', () => resolve(portOf(app.server.address())));
  });
  const url = `http://127.0.0.1:${port}`;
  if (setup.leader === undefined) {
    node.status.leader = {
      nodeId: node.status.nodeId,
      url,
      epoch: node.status.epoch,
      since: 1_763_625_600_000,
    };
  }
  onTestFinished(async () => {
    await app.close(0);
    await node.close();
  });
  return { node, app, url, port };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string')
    throw new Error('the server does not listen on a port');
  return address.port;
}

function forwardByHttp(
  url: URL,
  { method, headers, body, signal }: Omit<ForwardRequest, 'path'>,
): ReturnType<NodePorts['forward']> {
  return new Promise((resolve, reject) => {
    const outgoing: ClientRequest = sendRequest(url, { method, headers, signal, agent: false });
    outgoing.once('error', (cause) =>
      reject(new ForwardError('leader_unreachable', 'the leader did not answer', { cause })),
    );
    outgoing.once('response', (answer: IncomingMessage) => {
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer });
    });
    const source = body instanceof Uint8Array ? Readable.from([body]) : Readable.from(body);
    source.once('error', (error) => {
      outgoing.destroy();
      reject(error);
    });
    source.pipe(outgoing);
  });
}
