import {
  containerName,
  encodeNameDocument,
  intakeOf,
  namePath,
  parseNameDocument,
  type StreamDocument,
  streamPolicySchema,
} from '@message-vault/metadata';
import { invariant, randomUuid } from '@message-vault/runtime';
import { memoryStorage, type Storage } from '@message-vault/storage';
import { Bus } from '../bus/bus.ts';
import type { BusSetup } from '../bus/setup.ts';
import { Network } from '../network/network.ts';
import { HintExchange } from '../node/hints.ts';
import { SimNode } from '../node/node.ts';
import type { Plant } from '../plants/plant.ts';
import { type Acknowledged, AuditedStore } from '../storage/audit.ts';
import { type CallWatcher, watchers } from '../storage/line.ts';
import { Consumer } from '../workload/consumer.ts';
import { History } from '../workload/history.ts';
import { Producer, type WorkloadSurroundings } from '../workload/producer.ts';
import type { SimProcess } from '../world/process.ts';
import { onlyRandomness, type World } from '../world/world.ts';
import { LeaseWatch } from './lease-watch.ts';
import type { Setup } from './setup.ts';

/** The least a policy allows: segments are closed by the number of their commits. */
const SEGMENT_BYTES = 8 * 1024 * 1024;

/** One who led, and when it began. */
export interface Led {
  readonly node: string;
  readonly epoch: number;
  readonly atMs: number;
}

/** A program with a host of its own. */
export interface Startable {
  readonly name: string;
  readonly process: SimProcess | undefined;
  start(): void;
  kill(): void;
}

/** Everything that takes part in a run: nodes, producers, consumers, and one storage. */
export class Cluster {
  readonly world: World;
  readonly network: Network;
  readonly history: History;
  readonly store: AuditedStore;
  /** Below everything: without time, faults or audit. */
  readonly raw: Storage;
  readonly nodes: readonly SimNode[];
  readonly producers: readonly Producer[];
  readonly consumers: readonly Consumer[];
  /** Undefined in runs of streams alone. */
  readonly bus: Bus | undefined;
  readonly led: Led[] = [];
  /** When each change of leadership that was asked for came to its end; those still going on have none. */
  readonly handovers: { endedAtMs: number | undefined }[] = [];
  /** Called when somebody begins to lead. */
  onLead: () => void = () => {};
  readonly #setup: Setup;
  readonly #leases = new LeaseWatch();

  constructor(world: World, setup: Setup, hooks: { watcher: CallWatcher; plant: Plant | undefined }) {
    this.world = world;
    this.#setup = setup;
    this.network = new Network(world);
    this.history = new History(world);
    this.raw = memoryStorage({ runtime: world.clock });
    this.store = new AuditedStore(world, this.raw);
    const hints = new HintExchange(world);
    const { bus } = setup;
    const around = {
      world,
      network: this.network,
      hints,
      storage: this.store.storage,
      plant: hooks.plant,
      watcher: watchers(hooks.watcher, this.#leases),
      webhooks: bus && ((process: SimProcess) => this.#busOf().webhooks(process)),
      leads: (node: string, epoch: number) => this.#leads(node, epoch),
      handsOver: () => this.#handsOver(),
      acknowledged: (by: SimProcess, name: string, result: Acknowledged) =>
        void this.#acknowledged(by, name, result),
    };
    this.nodes = setup.nodes.map((node) => new SimNode(node, around));
    const workload: WorkloadSurroundings = {
      world,
      network: this.network,
      history: this.history,
      mayForget: (stream) => this.mayForget(stream),
    };
    this.producers = setup.producers.map((producer) => new Producer(producer, workload));
    this.consumers = setup.consumers.map((consumer) => new Consumer(consumer, workload));
    this.bus = bus && this.#makeBus(bus);
    this.store.queueWatcher = this.bus?.queueWatch;
  }

  get brokers(): readonly SimNode[] {
    return this.nodes.filter((node) => node.app !== 'reader');
  }

  get programs(): readonly Startable[] {
    return [...this.producers, ...this.consumers, ...(this.bus?.programs ?? [])];
  }

  /** Whether old messages of the stream may go. */
  mayForget(stream: string): boolean {
    return this.#setup.streams.some(
      ({ name, retentionBytes }) => name === stream && retentionBytes !== undefined,
    );
  }

  get streamNames(): readonly string[] {
    return this.#setup.streams.map(({ name }) => name);
  }

  /** Streams, and routers for the streams they take in by. */
  get logNames(): readonly string[] {
    return [...this.streamNames, ...(this.bus?.routers ?? [])];
  }

  /** Makes those streams whose segments are to be smaller than usual. */
  async prepare(): Promise<void> {
    const random = this.world.chance('streams');
    for (const { name, segmentCommits, retentionBytes } of this.#setup.streams) {
      if (segmentCommits === undefined) continue;
      const document: StreamDocument = {
        version: 1,
        name,
        role: 'stream',
        streamId: randomUuid(onlyRandomness(random)),
        container: containerName(random.bytes(16)),
        createdAt: 0,
        createdByEpoch: 0,
        policy: streamPolicySchema.parse({ segmentCommits, segmentBytes: SEGMENT_BYTES, retentionBytes }),
      };
      await this.raw.pages.createContainer(document.container);
      if (retentionBytes !== undefined) this.store.mayShrink(document.container);
      await this.raw.documents.put(namePath(name), encodeNameDocument(document), { ifAbsent: true });
    }
  }

  /** The document of a stream, or of the stream a router takes in by, as the storage has it now. */
  async documentOf(stream: string): Promise<StreamDocument | undefined> {
    const stored = await this.raw.documents.get(namePath(stream));
    const document = stored && parseNameDocument(stored.body);
    if (document?.role === 'router') return intakeOf(document);
    return document?.role === 'stream' ? document : undefined;
  }

  #makeBus(setup: BusSetup): Bus {
    const { world, network, history, raw, nodes } = this;
    const urls = nodes.map(({ url }) => url);
    const clocks = {
      areRight: !this.#setup.faults.some(({ kind }) => kind === 'clockJump'),
      drift: 2 * Math.max(...this.#setup.nodes.map(({ clockRate }) => Math.abs(clockRate - 1))),
    };
    return new Bus({ setup, around: { world, network, history, urls }, nodes, raw, clocks });
  }

  #busOf(): Bus {
    invariant(this.bus, 'webhooks are only pushed to where there are names to push from');
    return this.bus;
  }

  #leads(node: string, epoch: number): void {
    this.led.push({ node, epoch, atMs: this.world.nowMs });
    this.history.add({ kind: 'leader', observer: node, nodeId: node, epoch });
    this.onLead();
  }

  #handsOver(): () => void {
    const handover: { endedAtMs: number | undefined } = { endedAtMs: undefined };
    this.handovers.push(handover);
    return () => {
      handover.endedAtMs ??= this.world.nowMs;
    };
  }

  /** Nothing else happens before the document is there: in the storage below all it takes no time. */
  async #acknowledged(by: SimProcess, name: string, result: Acknowledged): Promise<void> {
    if (!this.#leases.mayLead(by))
      this.world.broken('silence', `${by.id} acknowledged a publish with its lease run out`);
    const document = await this.documentOf(name);
    if (document === undefined)
      this.world.broken('I1', `${name} is no stream, and something in it was acknowledged`);
    else this.store.acknowledged(document.container, result);
  }
}
