import {
  containerName,
  encodeNameDocument,
  type NameDocument,
  namePath,
  streamPolicySchema,
} from '@message-vault/metadata';
import { randomUuid } from '@message-vault/runtime';
import { memoryStorage, type Storage } from '@message-vault/storage';
import { Network } from '../network/network.ts';
import { HintExchange } from '../node/hints.ts';
import { SimNode } from '../node/node.ts';
import type { Plant } from '../plants/plant.ts';
import { AuditedStore } from '../storage/audit.ts';
import type { CallWatcher } from '../storage/line.ts';
import { Consumer } from '../workload/consumer.ts';
import { History } from '../workload/history.ts';
import { Producer, type WorkloadSurroundings } from '../workload/producer.ts';
import type { World } from '../world/world.ts';
import type { Setup } from './setup.ts';

/** One who led, and when it began. */
export interface Led {
  readonly node: string;
  readonly epoch: number;
  readonly atMs: number;
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
  readonly led: Led[] = [];
  /** When each change of leadership that was asked for came to its end; those still going on have none. */
  readonly handovers: { endedAtMs: number | undefined }[] = [];
  /** Called when somebody begins to lead. */
  onLead: () => void = () => {};
  readonly #setup: Setup;
  /** By name. */
  readonly #documents = new Map<string, NameDocument>();

  constructor(world: World, setup: Setup, hooks: { watcher: CallWatcher; plant: Plant | undefined }) {
    this.world = world;
    this.#setup = setup;
    this.network = new Network(world);
    this.history = new History(world);
    this.raw = memoryStorage({ runtime: world.clock });
    this.store = new AuditedStore(world, this.raw);
    const hints = new HintExchange(world);
    const around = {
      world,
      network: this.network,
      hints,
      storage: this.store.storage,
      ...hooks,
      leads: (node: string, epoch: number) => this.#leads(node, epoch),
      handsOver: () => this.#handsOver(),
      acknowledged: (name: string, result: { firstOffset: number; firstSequenceNumber: number }) =>
        this.#acknowledged(name, result),
    };
    this.nodes = setup.nodes.map((node) => new SimNode(node, around));
    const workload: WorkloadSurroundings = { world, network: this.network, history: this.history };
    this.producers = setup.producers.map((producer) => new Producer(producer, workload));
    this.consumers = setup.consumers.map((consumer) => new Consumer(consumer, workload));
  }

  get brokers(): readonly SimNode[] {
    return this.nodes.filter((node) => node.app !== 'reader');
  }

  get programs(): readonly (Producer | Consumer)[] {
    return [...this.producers, ...this.consumers];
  }

  streamNames(): string[] {
    return [...this.#documents.keys()];
  }

  documentOf(stream: string): NameDocument | undefined {
    return this.#documents.get(stream);
  }

  /** Makes the streams, so that their segments can be as small as the run wants them. */
  async prepare(): Promise<void> {
    const random = this.world.chance('streams');
    const source = { random: () => random.next(), randomBytes: (count: number) => random.bytes(count) };
    for (const { name, segmentCommits } of this.#setup.streams) {
      const document: NameDocument = {
        version: 1,
        name,
        role: 'stream',
        streamId: randomUuid({
          now: () => 0,
          monotonic: () => 0,
          setTimer: () => ({ cancel: () => {} }),
          ...source,
        }),
        container: containerName(random.bytes(16)),
        createdAt: 0,
        createdByEpoch: 0,
        policy: streamPolicySchema.parse({ segmentCommits, segmentBytes: 8 * 1024 * 1024 }),
      };
      await this.raw.pages.createContainer(document.container);
      await this.raw.documents.put(namePath(name), encodeNameDocument(document), { ifAbsent: true });
      this.#documents.set(name, document);
    }
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

  #acknowledged(name: string, result: { firstOffset: number; firstSequenceNumber: number }): void {
    const document = this.#documents.get(name);
    if (document !== undefined)
      this.store.acknowledged(document.container, result.firstOffset, result.firstSequenceNumber);
  }
}
