import { LEADER_LEASE, LEADER_PATH, parseLeaderDocument } from '@message-vault/metadata';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import { memoryStorage, type Storage } from '@message-vault/storage';
import { expect } from 'vitest';
import {
  type ClusterHint,
  createElection,
  type Election,
  type ElectionSettings,
  type ProbePort,
  type ProbeResult,
  testify,
  type WitnessAnswer,
} from '../src/index.ts';
import { StorageLink } from './link.ts';
import { NodeRuntime } from './node-runtime.ts';
import { Scribe } from './scribe.ts';

const NETWORK_LATENCY_MS = 1;

export interface NodeSetup {
  readonly wantsToLead?: boolean;
  readonly mayLead?: boolean;
  readonly settings?: Partial<ElectionSettings>;
  /** Its name in the cluster, when it is not its own: a process started with another's configuration. */
  readonly nodeId?: string;
  readonly url?: string;
  readonly drain?: () => Promise<void>;
  readonly lead?: () => Promise<void>;
  /** Writes to a shared segment all the time it leads, as the log would. */
  readonly busy?: boolean;
}

export interface LeaderLine {
  readonly at: number;
  readonly name: string;
  readonly epoch: number;
}

/** Several nodes in virtual time, over one storage in memory and a network that can be cut. */
export class Cluster {
  readonly runtime: VirtualRuntime;
  readonly storage: Storage;
  readonly nodes = new Map<string, Node>();
  /** Who took which epoch, in order. */
  readonly led: LeaderLine[] = [];
  /** Every process there ever was. */
  readonly #all: Node[] = [];
  readonly #cuts = new Set<string>();
  witnesses: string[] = [];
  /** Addresses at which every process reaches itself. */
  readonly loopback = new Set<string>();
  /** False: nodes can't tell each other anything, only ask. */
  notifyWorks = true;

  constructor(options: { seed?: number } = {}) {
    this.runtime = new VirtualRuntime({ seed: options.seed ?? 1 });
    this.storage = memoryStorage({ runtime: this.runtime });
  }

  /** Starts a process called `name`; under a name that was used before, that is a restart. */
  start(name: string, setup: NodeSetup = {}): Node {
    const node = new Node(this, name, setup);
    this.nodes.set(name, node);
    this.#all.push(node);
    node.election.start();
    return node;
  }

  /** A reader: leads nothing, answers as a witness. */
  startWitness(name: string): Node {
    const node = this.start(name, { mayLead: false });
    this.witnesses.push(node.url);
    return node;
  }

  advance(durationMs: number): Promise<void> {
    return this.runtime.advance(durationMs);
  }

  /** Lets time pass until `condition` holds; fails after `withinMs`. Answers how long it took. */
  async until(condition: () => boolean, withinMs = 60_000): Promise<number> {
    const startedAt = this.runtime.monotonic();
    while (!condition()) {
      if (this.runtime.monotonic() - startedAt >= withinMs)
        throw new Error(`not within ${withinMs} ms\n${this.report()}`);
      await this.runtime.advance(5);
    }
    return this.runtime.monotonic() - startedAt;
  }

  untilLeads(name: string, withinMs?: number): Promise<number> {
    return this.until(() => this.node(name).isLeading, withinMs);
  }

  node(name: string): Node {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  cutBetween(a: string, b: string): void {
    this.#cuts.add([a, b].sort().join('|'));
  }

  healBetween(a: string, b: string): void {
    this.#cuts.delete([a, b].sort().join('|'));
  }

  isCut(a: string, b: string): boolean {
    return this.#cuts.has([a, b].sort().join('|'));
  }

  byUrl(url: string): Node | undefined {
    return [...this.nodes.values()].find((node) => node.url === url);
  }

  tookLead(name: string, epoch: number): void {
    this.led.push({ at: this.runtime.monotonic(), name, epoch });
  }

  /** An epoch belongs to one node, they only go up, and nothing of an old one is acknowledged after a newer one. */
  checkInvariants(): void {
    const epochs = this.led.map((line) => line.epoch);
    expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
    const acknowledged = this.#all.flatMap((node) => node.scribe?.acknowledged ?? []);
    acknowledged.sort((a, b) => a.at - b.at);
    const late = acknowledged.filter((ack, index) => ack.epoch < (acknowledged[index - 1]?.epoch ?? 0));
    expect(late).toEqual([]);
  }

  leaders(): string[] {
    return [...this.nodes.values()].filter((node) => node.isLeading).map((node) => node.name);
  }

  async leaderDocument() {
    const stored = await this.storage.documents.get(LEADER_PATH);
    return stored && { ...parseLeaderDocument(stored.body), etag: stored.etag };
  }

  async breakLease(): Promise<void> {
    await this.storage.leases.break(LEADER_LEASE);
  }

  report(): string {
    return [...this.nodes.values()]
      .map(
        (node) =>
          `${node.name}: ${JSON.stringify(node.election.state(), undefined, 1)}\n${node.events.join('\n')}`,
      )
      .join('\n');
  }
}

/** One process. */
export class Node {
  readonly name: string;
  readonly url: string;
  readonly runtime: NodeRuntime;
  readonly link: StorageLink;
  readonly election: Election;
  readonly scribe: Scribe | undefined;
  readonly mayLead: boolean;
  /** What the election told its node, in order. */
  readonly events: string[] = [];
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, name: string, setup: NodeSetup) {
    this.#cluster = cluster;
    this.name = name;
    this.mayLead = setup.mayLead ?? true;
    this.url = setup.url ?? `http://${setup.nodeId ?? name}`;
    this.runtime = new NodeRuntime(cluster.runtime);
    this.link = new StorageLink(cluster.runtime, this.runtime, cluster.storage);
    this.scribe = setup.busy
      ? new Scribe(this.runtime, cluster.runtime, this.link, cluster.storage.pages)
      : undefined;
    this.election = createElection({
      nodeId: setup.nodeId ?? name,
      url: this.url,
      wantsToLead: setup.wantsToLead ?? false,
      mayLead: this.mayLead,
      leases: this.link.leases,
      documents: this.link.documents,
      probes: this.#probePort(),
      witnesses: () => cluster.witnesses.filter((url) => url !== this.url),
      peers: () => [...cluster.nodes.values()].filter((node) => node.mayLead).map((node) => node.url),
      ...(this.scribe && { storageSightings: this.scribe.sightings }),
      runtime: this.runtime,
      ...(setup.settings && { settings: setup.settings }),
      events: {
        lead: (leadership) => {
          cluster.tookLead(name, leadership.epoch);
          this.events.push(`lead ${leadership.epoch}`);
          this.scribe?.lead(leadership);
          return setup.lead?.();
        },
        drain: async () => {
          this.events.push('drain');
          await setup.drain?.();
        },
        stepDown: (reason) => this.events.push(`stepDown ${reason}`),
        alarm: (code) => this.events.push(`alarm ${code}`),
        changed: () => {},
      },
    });
  }

  get isLeading(): boolean {
    return this.runtime.isRunning && this.election.leadership?.isLeading() === true;
  }

  get role(): string {
    return this.election.state().role;
  }

  get alarms(): string[] {
    return this.election.state().alarms.map((alarm) => alarm.code);
  }

  kill(): void {
    this.runtime.kill();
  }

  /** What another process hears when it asks for this one's health. */
  health(): ProbeResult {
    const { nodeId, instanceId, role, epoch, leader, readiness } = this.election.state();
    const since = leader?.since;
    return { ok: readiness.ready, nodeId, instanceId, role, epoch, since, reason: readiness.reason };
  }

  #probePort(): ProbePort {
    return {
      probe: (url) => this.#ask<ProbeResult>(url, { ok: false, failure: 'refused' }, (node) => node.health()),
      askWitness: (witnessUrl, leaderUrl, timeoutMs) =>
        this.#ask<WitnessAnswer>(witnessUrl, 'no_answer', (node) =>
          testify(node.#probePort(), node.runtime, leaderUrl, timeoutMs),
        ),
      notify: (url, hint: ClusterHint) =>
        this.#cluster.notifyWorks
          ? this.#ask(url, false, (node) => node.election.hint(hint))
          : Promise.resolve(false),
    };
  }

  async #ask<Answer>(
    url: string,
    whenRefused: Answer,
    answer: (node: Node) => Answer | Promise<Answer>,
  ): Promise<Answer> {
    const target = this.#cluster.loopback.has(url) ? this : this.#cluster.byUrl(url);
    await this.#travel(this.runtime);
    if (target === undefined) return whenRefused;
    if (this.#cluster.isCut(this.name, target.name)) return new Promise(() => {});
    if (target.runtime.isKilled) return whenRefused;
    await this.#travel(target.runtime);
    const given = await answer(target);
    await this.#travel(this.runtime);
    if (this.#cluster.isCut(this.name, target.name)) return new Promise(() => {});
    return given;
  }

  #travel(to: NodeRuntime): Promise<void> {
    return new Promise((resolve) => {
      this.#cluster.runtime.setTimer(NETWORK_LATENCY_MS / 2, () => to.whenRunning(resolve));
    });
  }
}
