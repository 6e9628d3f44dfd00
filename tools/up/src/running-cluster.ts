import { join } from 'node:path';
import type { VaultDirectory } from './directory.ts';
import { ClusterError } from './errors.ts';
import type { Cluster, ClusterNode, ClusterStorage } from './handle.ts';
import type { ClusterOptions } from './options.ts';
import { commandOf, type NodePlan } from './plan.ts';
import { answers, nodeIsReady } from './probes.ts';
import { ProcessLog } from './process-log.ts';
import { STORAGE_ID, type StoragePlan } from './storage-plan.ts';
import { describeExit, type Exit, type Probe, type Program, Supervised } from './supervised.ts';

const DEFAULT_READY_WITHIN_MS = 60_000;
const DEFAULT_STOP_WITHIN_MS = 15_000;
const RESTART_AFTER_MS = 1_000;

interface Member {
  readonly process: Supervised;
  readonly probe: Probe;
  /** Killed through `kill`: it is not for us to bring it back. */
  leftDead: boolean;
}

/** The processes of one cluster, from the first start to the last stop. */
export class RunningCluster implements Cluster {
  readonly #directory: VaultDirectory;
  readonly #storagePlan: StoragePlan;
  readonly #nodePlans: readonly NodePlan[];
  readonly #options: ClusterOptions;
  readonly #members = new Map<string, Member>();
  #stopped: Promise<void> | undefined;

  constructor(
    directory: VaultDirectory,
    storagePlan: StoragePlan,
    nodePlans: readonly NodePlan[],
    options: ClusterOptions,
  ) {
    this.#directory = directory;
    this.#storagePlan = storagePlan;
    this.#nodePlans = nodePlans;
    this.#options = options;
  }

  get dir(): string {
    return this.#directory.path;
  }

  get nodes(): readonly ClusterNode[] {
    return this.#nodePlans.map(({ id, app, url }) => {
      const process = this.#members.get(id)?.process;
      return { id, app, url, pid: process?.pid ?? 0, alive: process?.alive ?? false };
    });
  }

  get storage(): ClusterStorage {
    const { url, connection } = this.#storagePlan;
    return { url, connection, pid: this.#members.get(STORAGE_ID)?.process.pid ?? null };
  }

  /** Storage first, then the masters, then all others together. */
  async start(): Promise<void> {
    const { program, url } = this.#storagePlan;
    if (program) {
      this.#add(program, (signal) => answers(url, signal));
      await this.#startMember(STORAGE_ID);
    }
    for (const plan of this.#nodePlans) {
      this.#add({ id: plan.id, ...commandOf(plan) }, (signal) => nodeIsReady(plan.url, signal));
    }
    // Masters get a head start, so that on a slow machine, too, it is one of them that leads at first.
    const masters = this.#nodePlans.filter(({ app }) => app === 'master');
    const others = this.#nodePlans.filter(({ app }) => app !== 'master');
    for (const plans of [masters, others]) {
      await Promise.all(plans.map(({ id }) => this.#startMember(id)));
    }
    await this.#writeClusterFile();
  }

  async kill(id: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const member = this.#member(id);
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') {
      member.process.signal(signal);
      return;
    }
    member.leftDead = true;
    member.process.signal(signal);
    await member.process.exited;
  }

  async restart(id: string): Promise<void> {
    await this.#member(id).process.stop(this.#stopWithinMs);
    await this.#startMember(id);
    await this.#writeClusterFile();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #stopAll(): Promise<void> {
    const members = [...this.#members.values()];
    const brokers = members.filter(({ process }) => process.id !== STORAGE_ID);
    await Promise.all(brokers.map((member) => this.#stopMember(member)));
    const storage = this.#members.get(STORAGE_ID);
    if (storage) await this.#stopMember(storage);
    await Promise.all(members.map(({ process }) => process.log.close()));
    await this.#directory.release();
  }

  async #stopMember({ process }: Member): Promise<void> {
    const orderly = await process.stop(this.#stopWithinMs);
    if (!orderly) this.#say(`${process.id} did not end within ${this.#stopWithinMs} ms and was killed.`);
  }

  #add(program: Program, probe: Probe): void {
    const { id } = program;
    // On the way out everybody complains that everybody else is gone: that is for the log alone.
    const say = (line: string): void => {
      if (!this.#stopped) this.#say(line);
    };
    const log = new ProcessLog({ id, path: join(this.dir, 'logs', `${id}.log`), say });
    const process = new Supervised(program, log, (exit) => this.#died(id, exit));
    this.#members.set(id, { process, probe, leftDead: false });
  }

  async #startMember(id: string): Promise<void> {
    const { process, probe } = this.#member(id);
    if (this.#stopped)
      throw new ClusterError('not_ready', `${id} was not started: the cluster is being stopped.`);
    process.start();
    this.#member(id).leftDead = false;
    if (process.pid !== undefined) await this.#directory.remember(process.pid);
    await process.ready(probe, this.#options.readyWithinMs ?? DEFAULT_READY_WITHIN_MS);
  }

  #died(id: string, exit: Exit): void {
    const member = this.#member(id);
    const comesBack = this.#options.restart === true && !member.leftDead;
    const end = `${id} (process ${member.process.pid}) ${describeExit(exit)}.`;
    this.#say(
      comesBack
        ? `${end} Starting it again.`
        : `${end} It stays dead (see --restart). Log: ${member.process.log.path}`,
    );
    if (comesBack) setTimeout(() => void this.#bringBack(id), RESTART_AFTER_MS);
  }

  async #bringBack(id: string): Promise<void> {
    if (this.#stopped || this.#member(id).leftDead || this.#member(id).process.alive) return;
    try {
      await this.#startMember(id);
      await this.#writeClusterFile();
      this.#say(`${id} is back, process ${this.#member(id).process.pid}.`);
    } catch (error) {
      // If it died again, its death brings us here again; if it runs but is not ready, that is for a person to see.
      if (!(error instanceof ClusterError)) throw error;
      this.#say(error.message);
    }
  }

  async #writeClusterFile(): Promise<void> {
    await this.#directory.writeClusterFile({
      nodes: this.nodes.map(({ id, app, url, pid }) => ({ id, app, url, pid })),
      storage: { url: this.storage.url, pid: this.storage.pid },
    });
  }

  #member(id: string): Member {
    const member = this.#members.get(id);
    if (member) return member;
    const known = [...this.#members.keys()].join(', ');
    throw new ClusterError('no_such_process', `This cluster has no process ${id}; it has ${known}.`);
  }

  get #stopWithinMs(): number {
    return this.#options.stopWithinMs ?? DEFAULT_STOP_WITHIN_MS;
  }

  #say(line: string): void {
    this.#options.say?.(line);
  }
}
