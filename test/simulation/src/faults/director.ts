import { LEADER_LEASE, LEADER_PATH, parseLeaderDocument } from '@message-vault/metadata';
import type { SeededRandom } from '@message-vault/runtime/testing';
import type { StoredDocument } from '@message-vault/storage';
import type { SimNode } from '../node/node.ts';
import type { Cluster } from '../run/cluster.ts';
import { STORAGE_HOST } from '../storage/line.ts';
import { Host, SimProcess } from '../world/process.ts';
import type { Ambushes } from './ambush.ts';
import type { Fault, FaultAct, Victim } from './fault.ts';

const HANDOVER_TIMEOUT_MS = 20_000;

/** Has the planned faults happen, and ends whatever goes on when everything has to be calm. */
export class Director {
  readonly #cluster: Cluster;
  readonly #ambushes: Ambushes;
  readonly #operator: SimProcess;
  readonly #random: SeededRandom;
  #savedLeader: StoredDocument | undefined;

  constructor(cluster: Cluster, ambushes: Ambushes) {
    this.#cluster = cluster;
    this.#ambushes = ambushes;
    this.#random = cluster.world.chance('director');
    this.#operator = new SimProcess(cluster.world, new Host('operator'));
    cluster.onLead = () => this.#stirUp();
  }

  schedule(faults: readonly Fault[]): void {
    const { world } = this.#cluster;
    for (const fault of faults) {
      world.after(fault.atMs, () => {
        world.note('FAULT', JSON.stringify(fault));
        this.#begin(fault);
        this.#stirUp();
      });
    }
    world.after(world.calmAtMs - world.nowMs, () => void this.#calmDown());
  }

  /** What happens around a fault and around a takeover matters most: somebody should be publishing. */
  #stirUp(): void {
    const random = this.#random;
    if (this.#cluster.world.nowMs > this.#cluster.world.calmAtMs) return;
    for (const producer of this.#cluster.producers) {
      if (random.chance(0.7)) producer.burst(2 + random.below(8), random.pick([50, 300, 1500]));
    }
  }

  crash(host: string, downMs: number): void {
    const { world } = this.#cluster;
    const victim = this.#find(host);
    if (victim === undefined) return;
    victim.kill();
    this.#later(downMs, () => victim.start());
    world.note('FAULT', `${victim.name} is down for ${Math.round(downMs)} ms`);
  }

  freeze(process: SimProcess, forMs: number, how: { suspended: boolean }): void {
    process.freeze(how);
    this.#later(forMs, () => process.thaw());
  }

  #begin(fault: FaultAct): void {
    const { world } = this.#cluster;
    switch (fault.kind) {
      case 'crash':
        this.crash(fault.victim, fault.forMs);
        break;
      case 'freeze':
      case 'suspend': {
        const process = this.#find(fault.victim)?.process;
        if (process !== undefined) this.freeze(process, fault.forMs, { suspended: fault.kind === 'suspend' });
        break;
      }
      case 'stop':
        this.#stop(fault.victim, fault.forMs);
        break;
      case 'restartAll':
        for (const node of this.#cluster.nodes) this.crash(node.name, fault.forMs);
        break;
      case 'clockJump':
        this.#node(fault.victim)?.jumpClock(fault.byMs);
        break;
      case 'cut':
        this.#cut(fault);
        break;
      case 'isolate':
        this.#isolate(fault);
        break;
      case 'weather': {
        const end = world.skies.begin(fault.victim && this.#nameOf(fault.victim), fault.weather);
        this.#later(fault.forMs, end);
        break;
      }
      case 'breakLease':
        void this.#cluster.raw.leases.break(LEADER_LEASE).catch(() => {});
        break;
      case 'handover':
        this.#handOver(fault.through);
        break;
      case 'leaderDocument':
        void this.#spoilLeader(fault.how);
        this.#later(fault.forMs, () => void this.#repairLeader());
        break;
      case 'ambush':
        this.#ambushes.arm(fault.ambush);
        break;
    }
  }

  /** Not after everything has to be calm. */
  #later(delayMs: number, happen: () => void): void {
    const { world } = this.#cluster;
    const leftMs = world.calmAtMs - world.nowMs;
    if (delayMs < leftMs) world.after(delayMs, happen);
    else if (leftMs > 0) world.after(leftMs, happen);
    else happen();
  }

  #stop(victim: Victim, downMs: number): void {
    const node = this.#node(victim);
    const process = node?.process;
    if (node === undefined || process === undefined) return;
    process.onDeath(() => this.#later(downMs, () => node.start()));
    node.stop();
  }

  #cut({ from, to, oneWay, after, forMs }: Extract<FaultAct, { kind: 'cut' }>): void {
    const [a, b] = [this.#nameOf(from), this.#nameOf(to)];
    if (a === undefined || b === undefined || a === b) return;
    const { wires } = this.#cluster.world;
    wires.cut(a, b, after);
    if (!oneWay) wires.cut(b, a, after);
    this.#later(forMs, () => {
      wires.mend(a, b);
      wires.mend(b, a);
    });
  }

  #isolate({ victim, storageToo, after, forMs }: Extract<FaultAct, { kind: 'isolate' }>): void {
    const name = this.#nameOf(victim);
    if (name === undefined) return;
    const others = this.#cluster.nodes.map((node) => node.name);
    if (storageToo) others.push(STORAGE_HOST);
    for (const to of others)
      if (to !== name) this.#cut({ kind: 'cut', from: name, to, oneWay: false, after, forMs });
  }

  #handOver(through: Victim): void {
    const node = this.#node(through);
    if (node === undefined) return;
    const request = { method: 'POST', path: '/-/cluster/handover', headers: {}, body: undefined };
    const { network, world } = this.#cluster;
    network.send(this.#operator, node.url, request, { timeoutMs: HANDOVER_TIMEOUT_MS }).then(
      (answer) => world.note('operator', `the handover was answered ${answer.status}`),
      (error: unknown) => world.note('operator', `the handover failed: ${String(error)}`),
    );
  }

  async #spoilLeader(how: 'deleted' | 'rolled back'): Promise<void> {
    const { documents } = this.#cluster.raw;
    const current = await documents.get(LEADER_PATH);
    if (current === undefined) return;
    const saved = this.#savedLeader;
    // What is there may be the doing of the fault before.
    if (saved === undefined || epochOf(saved) < epochOf(current)) this.#savedLeader = current;
    if (how === 'deleted') await documents.delete(LEADER_PATH, { ifMatch: current.etag });
    else {
      const older = this.#cluster.store.leaderBodies.at(-2);
      if (older !== undefined) await documents.put(LEADER_PATH, older, { ifMatch: current.etag });
    }
  }

  async #repairLeader(): Promise<void> {
    const saved = this.#savedLeader;
    if (saved === undefined) return;
    this.#savedLeader = undefined;
    const { documents } = this.#cluster.raw;
    const current = await documents.get(LEADER_PATH);
    if (current === undefined) await documents.put(LEADER_PATH, saved.body, { ifAbsent: true });
    else if (epochOf(current) < epochOf(saved))
      await documents.put(LEADER_PATH, saved.body, { ifMatch: current.etag });
  }

  async #calmDown(): Promise<void> {
    const { world, nodes, programs } = this.#cluster;
    world.note('CALM', 'all faults are over');
    this.#ambushes.disarmAll();
    world.skies.clear();
    world.wires.mendAll();
    for (const each of [...nodes, ...programs]) {
      each.process?.thaw();
      each.start();
    }
    await this.#repairLeader();
  }

  #nameOf(victim: Victim): string | undefined {
    if (victim === 'leader') return this.#leader()?.name;
    if (victim === 'standby') return this.#cluster.brokers.find((node) => node !== this.#leader())?.name;
    return victim;
  }

  #find(victim: Victim) {
    const name = this.#nameOf(victim);
    return [...this.#cluster.nodes, ...this.#cluster.programs].find((each) => each.name === name);
  }

  #node(victim: Victim): SimNode | undefined {
    const name = this.#nameOf(victim);
    return this.#cluster.nodes.find((node) => node.name === name);
  }

  #leader(): SimNode | undefined {
    const last = this.#cluster.led.at(-1);
    return this.#cluster.nodes.find((node) => node.name === last?.node);
  }
}

function epochOf({ body }: StoredDocument): number {
  return parseLeaderDocument(body).epoch;
}
