import type { LeaderDocument } from '@message-vault/metadata';
import type { Runtime } from '@message-vault/runtime';
import { askWhetherLeads } from './leader-watch.ts';
import type { ClusterHint, ProbePort, WitnessAnswer } from './ports.ts';
import { isLeading, probeWithin } from './prober.ts';
import type { ElectionSettings } from './settings.ts';

export interface NeighboursOptions {
  readonly url: string;
  readonly runtime: Runtime;
  readonly settings: ElectionSettings;
  readonly probes: ProbePort;
  readonly witnesses: () => readonly string[];
  readonly peers?: () => readonly string[];
  readonly leader: () => LeaderDocument | undefined;
}

/** More are not told: they find out by themselves. */
const MAX_TOLD = 32;
const TELL_WITHIN_MS = 1000;

/** The other nodes, and what is said between them. Nodes that are neither configured nor the leader are never called. */
export class Neighbours {
  readonly #options: NeighboursOptions;

  constructor(options: NeighboursOptions) {
    this.#options = options;
  }

  /** The others that may lead. */
  peers(): string[] {
    return (this.#options.peers?.() ?? []).filter((url) => url !== this.#options.url);
  }

  isKnown(url: string): boolean {
    const { leader, witnesses } = this.#options;
    return url === leader()?.url || this.peers().includes(url) || witnesses().includes(url);
  }

  /** Tells everybody of a new leader. Nobody waits for it. */
  tellAll({ epoch, nodeId, url }: LeaderDocument): void {
    const { probes, witnesses } = this.#options;
    const others = new Set([...this.peers(), ...witnesses()]);
    others.delete(this.#options.url);
    for (const other of [...others].slice(0, MAX_TOLD)) {
      void probes.notify(other, { kind: 'leader-changed', epoch, nodeId, url }, TELL_WITHIN_MS);
    }
  }

  /** The leader a hint names, if it is a node known here and says so itself. */
  askLeader({ url }: ClusterHint & { kind: 'leader-changed' }): Promise<LeaderDocument | undefined> {
    return this.isKnown(url) ? askWhetherLeads(this.#options, url) : Promise.resolve(undefined);
  }

  async witness(leaderUrl: string): Promise<WitnessAnswer> {
    if (!this.isKnown(leaderUrl)) return 'no_answer';
    const { probes, runtime, settings } = this.#options;
    return testify(probes, runtime, leaderUrl, settings.witnessTimeoutMs);
  }
}

/** What a witness says: whether the node at `leaderUrl` answers within `timeoutMs` that it can lead and does. */
export async function testify(
  probes: ProbePort,
  runtime: Runtime,
  leaderUrl: string,
  timeoutMs: number,
): Promise<WitnessAnswer> {
  const result = await probeWithin(probes, runtime, leaderUrl, timeoutMs);
  return result.ok && isLeading(result) ? 'reachable' : 'unreachable';
}
