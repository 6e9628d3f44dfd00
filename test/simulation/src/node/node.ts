import { createWebhookSender, type WebhookTransport } from '@message-vault/bus';
import type { AppendResult } from '@message-vault/log';
import { Broker, type NodeConfig, parseNodeConfig } from '@message-vault/node';
import type { Storage } from '@message-vault/storage';
import { createLogger, createMetrics, type Logger, type Metrics } from '@message-vault/telemetry';
import type { Wakeup } from '@message-vault/wakeup';
import { resolveSinks } from '../bus/sink.ts';
import type { NetRequest, NetResponse } from '../network/exchange.ts';
import type { Network, Server } from '../network/network.ts';
import type { Plant } from '../plants/plant.ts';
import { type CallWatcher, storageLine } from '../storage/line.ts';
import { Host, SimProcess } from '../world/process.ts';
import type { World } from '../world/world.ts';
import { Front } from './front.ts';
import type { HintExchange } from './hints.ts';
import type { NodeSetup } from './node-setup.ts';
import { simulatedPeers } from './peers.ts';

/** What the nodes of one cluster share, and whom they tell of themselves. */
export interface NodeSurroundings {
  readonly world: World;
  readonly network: Network;
  readonly hints: HintExchange;
  readonly storage: Storage;
  readonly watcher: CallWatcher;
  /** A bug to be found. */
  readonly plant: Plant | undefined;
  leads(node: string, epoch: number): void;
  acknowledged(by: SimProcess, name: string, result: AppendResult): void;
  /** What webhooks are pushed through, where there are any. */
  readonly webhooks: ((process: SimProcess) => WebhookTransport) | undefined;
  /** A change of leadership somebody asked for begins; what is answered is called at its end. */
  handsOver(): () => void;
}

/** Longest a planned stop may take before whoever started the process kills it. */
const STOP_WITHIN_MS = 15_000;

/** A broker on its host: the real class, started, killed, frozen and started again. */
export class SimNode implements Server {
  readonly name: string;
  readonly url: string;
  readonly app: NodeConfig['app'];
  readonly #host: Host;
  readonly #setup: NodeSetup;
  readonly #around: NodeSurroundings;
  #process: SimProcess | undefined;
  #broker: Broker | undefined;
  #front: Front | undefined;

  constructor(setup: NodeSetup, around: NodeSurroundings) {
    this.name = setup.name;
    this.url = setup.url;
    this.app = setup.app;
    this.#setup = setup;
    this.#around = around;
    this.#host = new Host(setup.name, setup.clockRate);
    around.network.listen(setup.url, this);
  }

  get host(): string {
    return this.name;
  }

  get process(): SimProcess | undefined {
    return this.#process;
  }

  get broker(): Broker | undefined {
    return this.#broker;
  }

  serve(request: NetRequest, signal: AbortSignal): Promise<NetResponse> {
    return this.#front?.serve(request, signal) ?? new Promise(() => {});
  }

  /** Starts it, unless it runs. */
  start(): void {
    if (this.#process !== undefined) return;
    const { world, network, hints, plant } = this.#around;
    const process = new SimProcess(world, this.#host);
    this.#process = process;
    process.onDeath(() => this.#forget());
    const { logger, metrics } = instrumentsOf(this.name, (line) => this.#heard(process, line));
    const wakeup = hints.wakeupOf(process);
    const storage = this.#storageOf(process, wakeup);
    const transport = this.#around.webhooks?.(process);
    const broker = new Broker({
      config: this.#config(),
      runtime: process,
      storage,
      ...(transport && {
        webhooks: createWebhookSender({ runtime: process, transport, resolve: resolveSinks }),
      }),
      wakeup,
      peers: simulatedPeers(network, process),
      logger,
      metrics,
    });
    this.#broker = broker;
    this.#front = new Front({
      ports: plant?.ports?.(broker, storage) ?? broker,
      acknowledged: (name, result) => {
        if (process.isAlive) this.#around.acknowledged(process, name, result);
      },
      handsOver: () => this.#around.handsOver(),
      bug: (error) => {
        if (process.isAlive) world.broken('no bugs', `${process.id} answered 500: ${stackOf(error)}`);
      },
      virtualTimeOf: (wallMs) => world.nowMs + wallMs - process.now(),
    });
    broker.start(this.url);
  }

  kill(): void {
    this.#process?.kill();
  }

  /** As SIGTERM: it hands over and finishes what it has, and is killed if that takes too long. */
  stop(): void {
    const process = this.#process;
    if (process === undefined || this.#broker === undefined) return;
    this.#around.world.note(process.id, 'is asked to stop');
    process.onDeath(this.#around.handsOver());
    process.deliver(() => void this.#broker?.stop().then(() => process.kill()));
    this.#around.world.after(STOP_WITHIN_MS, () => process.kill());
  }

  freeze(): void {
    this.#process?.freeze();
  }

  thaw(): void {
    this.#process?.thaw();
  }

  jumpClock(byMs: number): void {
    this.#host.wallOffsetMs += byMs;
    this.#around.world.note(this.name, `its clock jumps by ${byMs} ms`);
  }

  #storageOf(process: SimProcess, wakeup: Wakeup): Storage {
    const { world, storage, watcher, plant } = this.#around;
    const { storageTimeoutMs: timeoutMs } = this.#setup;
    const arrivedAt = plant?.behindLine?.(storage) ?? storage;
    const line = storageLine({ world, process, storage: arrivedAt, watcher, timeoutMs });
    return plant?.beforeLine?.(line, process, wakeup) ?? line;
  }

  #forget(): void {
    this.#process = undefined;
    this.#broker = undefined;
    this.#front = undefined;
  }

  #config(): NodeConfig {
    const { name, app, url, peers, witnesses, limits, queueLimits } = this.#setup;
    return parseNodeConfig({
      nodeId: name,
      app,
      port: 1,
      url,
      storage: 'simulated',
      peers: [...peers],
      witnesses: [...witnesses],
      limits: { writer: limits, ...(queueLimits && { queue: queueLimits }) },
    });
  }

  /** Its log lines are how a node tells of itself. */
  #heard(process: SimProcess, line: LogLine): void {
    const { world, leads } = this.#around;
    world.note(process.id, `says: ${line.msg}${line.reason === undefined ? '' : ` (${line.reason})`}`);
    if (line.msg === 'leads' && line.epoch !== undefined) leads(this.name, line.epoch);
    const text = `${line.msg} ${line.reason ?? ''}`;
    if (/ broke: |election_failed/.test(`${text} ${line.alarm ?? ''}`))
      world.broken('no bugs', `${process.id}: ${text}`);
  }
}

interface LogLine {
  readonly msg: string;
  readonly epoch?: number;
  readonly reason?: string;
  readonly alarm?: string;
}

interface Instruments {
  readonly logger: Logger;
  readonly metrics: Metrics;
  hear: (line: LogLine) => void;
}

/** Made once per name: they have no part in what a node does, and making them takes longer than a run's first second. */
const instruments = new Map<string, Instruments>();

function instrumentsOf(nodeId: string, hear: (line: LogLine) => void): Instruments {
  const known = instruments.get(nodeId);
  if (known !== undefined) {
    known.hear = hear;
    return known;
  }
  const destination = { write: (text: string) => made.hear(JSON.parse(text)) };
  const made: Instruments = {
    logger: createLogger({ level: 'info', nodeId, destination }),
    metrics: uncounted(createMetrics({ nodeId, processMetrics: false })),
    hear,
  };
  instruments.set(nodeId, made);
  return made;
}

/** What every storage call would add to costs more than the call itself does here. */
function uncounted(metrics: Metrics): Metrics {
  metrics.storageCalls.inc = () => {};
  metrics.storageSeconds.observe = () => {};
  return metrics;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
