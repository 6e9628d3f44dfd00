import { type Queues, Relay, type Routers, routersOf, type WebhookSender } from '@message-vault/bus';
import {
  createElection,
  defaultElectionSettings,
  type Election,
  ElectionError,
  type ElectionState,
  testify,
} from '@message-vault/election';
import {
  type AccessGrant,
  type ClusterView,
  type ForwardAnswer,
  type ForwardRequest,
  type HandoverResult,
  HttpProblem,
  type LeaderInfo,
  type NamePage,
  type NodePorts,
  type NodeStatus,
  type PageRequest,
  type PublishRequest,
  type ReaderLease,
  type Readiness,
} from '@message-vault/http';
import { type AppendResult, type Leadership, LogError } from '@message-vault/log';
import { type NameDocument, type StreamDocument, streamPolicySchema } from '@message-vault/metadata';
import { invariant, type Runtime, randomUuid } from '@message-vault/runtime';
import type { Storage } from '@message-vault/storage';
import type { Logger, Metrics } from '@message-vault/telemetry';
import type { Wakeup } from '@message-vault/wakeup';
import { Catalog } from './catalog.ts';
import { parseHint, reached } from './cluster-talk.ts';
import type { NodeConfig } from './config.ts';
import type { DispatchingOptions } from './dispatching.ts';
import { Forwarder } from './forwarder.ts';
import { LeaderView } from './leader-view.ts';
import { announceNames, dropStreamsThatGo, heedNames, Names } from './names/names.ts';
import { isSilent, type ObservedCall, observeStorage, type StorageObserver } from './observed-storage.ts';
import type { Peers } from './peers.ts';
import { QueueDuty } from './queue-duty.ts';
import { Readers } from './readers.ts';
import { Gate, Term } from './term.ts';

export interface BrokerOptions {
  readonly config: NodeConfig;
  readonly runtime: Runtime;
  readonly storage: Storage;
  /** The same storage over connections of their own: a renewal must not wait behind large writes. */
  readonly records?: Storage;
  readonly wakeup: Wakeup;
  readonly peers: Omit<Peers, 'close'>;
  /** Undefined where no webhook can be reached. */
  readonly webhooks?: WebhookSender;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Longest time a publish waits while leadership changes hands. */
const HOLD_MS = 5000;
/** Longest time a reader tries to reach the leader when it is asked to witness. */
const WITNESS_TIMEOUT_MS = defaultElectionSettings.witnessTimeoutMs;
/** How old a node's idea of who leads may be when it is asked. */
const LEADER_MAX_AGE_MS = 1000;
/** A reader looks for the leader when somebody asks it anything and what it knows is older than this. */
const LEADER_FRESH_MS = 5000;
/** Longest time spent on that look where somebody waits for it. */
const LOOK_WITHIN_MS = 1000;
/** Storage that is in trouble and gave no answer for this long is silent. */
const DOUBT_MS = 3000;

/**
 * A node of the cluster without a body: everything but the server it is reached by. It takes time, randomness, storage
 * and the way to other nodes through the door, so the simulation runs this very class.
 */
export class Broker implements NodePorts {
  readonly #options: BrokerOptions;
  readonly #storage: Storage;
  readonly #records: Storage;
  readonly #observer: StorageObserver;
  readonly #catalog: Catalog;
  readonly relay: Relay;
  readonly queues: Queues;
  readonly routers: Routers = routersOf(() => this.#term?.dispatcher);
  readonly #queueDuty: QueueDuty;
  readonly names: Names;
  readonly #readers: Readers;
  readonly #view: LeaderView;
  readonly #forwarder: Forwarder;
  #election: Election | undefined;
  /** As of its last change: what every request asks for has to be at hand. */
  #seen: ElectionState | undefined;
  #url = '';
  readonly #instanceId: string;
  readonly #gate = new Gate();
  #term: Term | undefined;
  #stopped = false;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#instanceId = randomUuid(options.runtime);
    const { config, runtime, metrics, peers } = options;
    const count = ({ operation, outcome, durationMs }: ObservedCall): void => {
      metrics.storageCalls.inc({ operation, outcome });
      metrics.storageSeconds.observe({ operation }, durationMs / 1000);
    };
    const observed = observeStorage(options.storage, runtime, count);
    this.#records = observeStorage(options.records ?? options.storage, runtime, count).storage;
    this.#storage = observed.storage;
    this.#observer = observed.observer;
    this.relay = new Relay({ runtime, settings: config.limits.relay });
    this.#catalog = new Catalog(this.#storage, runtime);
    this.#queueDuty = new QueueDuty({ ...options, storage: this.#storage, catalog: this.#catalog });
    this.queues = this.#queueDuty.queues;
    this.names = new Names(this.#catalog, () => this.#term?.names.authority);
    this.#readers = new Readers({
      pages: this.#storage.pages,
      runtime,
      wakeup: options.wakeup,
      limits: config.limits.read,
    });
    heedNames(options.wakeup, this.#catalog);
    dropStreamsThatGo(this.#catalog, () => [this.#term?.writers, this.#readers]);
    this.#view = new LeaderView({ documents: this.#storage.documents, runtime, maxAgeMs: LEADER_MAX_AGE_MS });
    this.#forwarder = new Forwarder({
      peers,
      view: this.#view,
      runtime,
      ownUrl: () => this.#url,
      leadsItself: () => this.#term !== undefined,
      holdMs: HOLD_MS,
      counted: (outcome) => metrics.forwarded.inc({ outcome }),
    });
    metrics.setRole(config.app === 'reader' ? 'reading' : 'starting');
  }

  /** The node takes part from now on, and is reached at `url`; it is ready when `ready` says so. */
  start(url: string): void {
    this.#url = url;
    if (this.#options.config.app === 'reader') {
      this.#view.freshen(0);
      return;
    }
    this.#election = this.#createElection();
    this.#seen = this.#election.state();
    this.#election.start();
  }

  /** Finishes what is in flight, hands leadership over if it has it, and lets go of everything but the storage. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#election?.stop();
    await this.#endTerm();
    this.#gate.release();
    this.#readers.close();
    await this.queues.close();
  }

  status(): NodeStatus {
    if (this.#election === undefined && this.#url !== '')
      this.#view.freshen(this.#storageIsSilent() ? DOUBT_MS / 3 : LEADER_FRESH_MS);
    const leader = this.#leader();
    return {
      nodeId: this.#options.config.nodeId,
      role: this.#role(),
      epoch: leader?.epoch ?? 0,
      leader,
      instanceId: this.#seen?.instanceId ?? this.#instanceId,
      takesWrites: this.#term !== undefined || this.#gate.held,
    };
  }

  live(): boolean {
    return true;
  }

  ready(): Readiness {
    // A leader that is asked to stop leads until it has handed over: to say otherwise would have its lease broken.
    if (this.#stopped && this.#seen?.role !== 'leading' && this.#seen?.role !== 'draining') {
      return { ready: false, reason: 'this node is stopping' };
    }
    if (this.#election !== undefined) return this.#election.state().readiness;
    if (this.#observer.lastAnswerAt === Number.NEGATIVE_INFINITY) {
      return { ready: false, reason: 'this node is starting and has not seen the storage yet' };
    }
    return this.#storageIsSilent()
      ? { ready: false, reason: 'the storage does not answer' }
      : { ready: true };
  }

  async cluster(): Promise<ClusterView> {
    const { nodeId } = this.#options.config;
    if (this.#election === undefined) {
      await this.#view.latest(LOOK_WITHIN_MS);
      return { leader: this.#leader() ?? null, self: { nodeId, role: this.#role(), url: this.#url } };
    }
    const { leader: _leader, nodeId: _nodeId, ...self } = this.#election.state();
    return { leader: this.#leader() ?? null, self: { nodeId, ...self, role: this.#role() } };
  }

  async clusterHint(hint: unknown): Promise<boolean> {
    const known = parseHint(hint);
    if (this.#election !== undefined) return this.#election.hint(known);
    await this.#view.latest(LOOK_WITHIN_MS, 0);
    return true;
  }

  /** Only the leader's address is ever probed: nobody can make this node call somewhere else. */
  async witness(leaderUrl: string): Promise<boolean> {
    const { peers, runtime } = this.#options;
    if (this.#election !== undefined) return reached(await this.#election.witness(leaderUrl));
    if (this.#view.known?.url !== leaderUrl) await this.#view.latest(WITNESS_TIMEOUT_MS, 0);
    if (this.#view.known?.url !== leaderUrl)
      throw new HttpProblem('bad_parameter', 'that is not the address of the leader');
    return reached(await testify(peers, runtime, leaderUrl, WITNESS_TIMEOUT_MS));
  }

  async handover(): Promise<HandoverResult> {
    invariant(this.#election, 'only a node that leads is asked to hand over');
    try {
      return await this.#election.handover();
    } catch (error) {
      // Asked for twice at once, or of one that has just stopped leading.
      if (error instanceof ElectionError) return { done: false, reason: error.message };
      throw error;
    }
  }

  async metricsText(): Promise<string> {
    const { metrics } = this.#options;
    metrics.openStreams.set(this.#term?.writers.openStreams ?? 0);
    metrics.queuedBytes.set(this.#term?.writers.queuedBytes ?? 0);
    metrics.cacheBytes.set(this.#readers.cachedBytes);
    metrics.queueWaiters.set(this.queues.waiters);
    return metrics.text();
  }

  async lookup(name: string): Promise<NameDocument | undefined> {
    return await this.#catalog.lookup(name);
  }

  listNames(prefix: string, page: PageRequest): Promise<NamePage> {
    return this.#catalog.list(prefix, page);
  }

  listChildren(name: string, page: PageRequest): Promise<NamePage> {
    return this.#catalog.listChildren(name, page);
  }

  async publish(request: PublishRequest): Promise<AppendResult> {
    const { runtime } = this.#options;
    if (this.#gate.held) await this.#gate.pass(runtime, HOLD_MS);
    if (this.#term === undefined) throw new LogError('not_leader', 'this node does not lead');
    return this.#term.publish(request);
  }

  forward(request: ForwardRequest): Promise<ForwardAnswer> {
    return this.#forwarder.forward(request);
  }

  acquireReader(document: StreamDocument): ReaderLease {
    return this.#readers.acquire(document);
  }

  async grantAccess(document: StreamDocument): Promise<AccessGrant | undefined> {
    const { grants, pages } = this.#storage;
    if (grants === undefined) return undefined;
    const [grant, segments] = await Promise.all([
      grants.grantRead(document.container, this.#options.config.limits.read.grantMs),
      pages.listSegments(document.container),
    ]);
    return { ...grant, segments };
  }

  #dispatching(): DispatchingOptions {
    const { runtime, logger, config, webhooks } = this.#options;
    return {
      storage: this.#storage,
      runtime,
      logger,
      config,
      webhooks,
      catalog: this.#catalog,
      readers: this.#readers,
      queues: this.queues,
    };
  }

  #createElection(): Election {
    const { config, runtime, peers, logger } = this.#options;
    return createElection({
      nodeId: config.nodeId,
      url: this.#url,
      wantsToLead: config.app === 'master',
      settings: config.limits.lease,
      leases: this.#records.leases,
      documents: this.#records.documents,
      probes: peers,
      witnesses: () => config.witnesses,
      peers: () => config.peers,
      storageSightings: this.#observer,
      runtime,
      events: {
        lead: (leadership) => this.#lead(leadership),
        drain: () => this.#drain(),
        stepDown: (reason) => this.#stepDown(reason),
        alarm: (code, message) => logger.error({ alarm: code }, message),
        changed: (state) => this.#changed(state),
      },
    });
  }

  #lead(leadership: Leadership): void {
    const { config, runtime, wakeup, logger, metrics } = this.#options;
    this.#term = new Term({
      leadership,
      runtime,
      storage: this.#storage,
      pages: this.#storage.pages,
      limits: config.limits.writer,
      catalog: this.#catalog,
      logger,
      namesChanged: () => announceNames(wakeup),
      autoCreate: config.autoCreate,
      newStreamPolicy: streamPolicySchema.parse({
        retentionAgeMs: config.retentionAgeMs,
        retentionBytes: config.retentionBytes,
      }),
      dispatching: this.#dispatching(),
      onCommit: (tail, commit, { streamId }) => wakeup.announce(streamId, tail.page, commit),
    });
    this.relay.open();
    this.#queueDuty.lead(leadership.epoch);
    this.#gate.release();
    metrics.leadershipChanges.inc();
    logger.info({ epoch: leadership.epoch }, 'leads');
  }

  async #drain(): Promise<void> {
    this.#gate.hold();
    await this.#endTerm();
  }

  #stepDown(reason: string): void {
    this.#options.metrics.leadershipChanges.inc();
    this.#options.logger.warn({ reason }, 'does not lead any more');
    // Without leadership every writer ends by itself; what it was asked for is answered with what is known of it.
    void this.#endTerm();
    this.#gate.release();
  }

  async #endTerm(): Promise<void> {
    const term = this.#term;
    this.#term = undefined;
    this.relay.close();
    this.#queueDuty.follow();
    await term?.end();
  }

  #changed(state: ElectionState): void {
    const { metrics, logger } = this.#options;
    if (state.role === 'standby' && this.#seen?.role !== 'standby')
      logger.info({ leader: state.leader?.nodeId, epoch: state.epoch }, 'stands by');
    this.#seen = state;
    metrics.setRole(state.role);
    metrics.epoch.set(state.epoch);
    metrics.alarms.reset();
    for (const { code } of state.alarms) metrics.alarms.set({ code }, 1);
    if (state.leader !== null) this.#view.learn(state.leader);
  }

  #storageIsSilent(): boolean {
    return isSilent(this.#observer, this.#options.runtime.monotonic(), DOUBT_MS);
  }

  #role(): string {
    return this.#seen?.role ?? (this.#options.config.app === 'reader' ? 'reading' : 'starting');
  }

  #leader(): LeaderInfo | undefined {
    const leader = this.#seen?.leader ?? this.#view.known;
    if (leader === null || leader === undefined) return undefined;
    const { nodeId, url, epoch, since } = leader;
    return { nodeId, url, epoch, since };
  }
}
