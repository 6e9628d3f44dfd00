import type { LeaderDocument } from '@message-vault/metadata';
import type { Runtime, Timer } from '@message-vault/runtime';
import type { LeaderRecords, Records } from './leader-records.ts';
import type { ProbePort } from './ports.ts';
import { isLeading, probeWithin } from './prober.ts';
import type { ElectionSettings } from './settings.ts';
import type { Term } from './term.ts';

export interface LeaderWatchOptions {
  readonly runtime: Runtime;
  readonly settings: ElectionSettings;
  readonly records: LeaderRecords;
  readonly probes: ProbePort;
  readonly term: Term;
  readonly peers: () => readonly string[];
  /** Another node leads under a newer epoch. */
  readonly onSuperseded: (leader: LeaderDocument) => void;
  /** The records contradict this term. */
  readonly onRefused: (records: Records & { kind: 'refuse' }) => void;
}

const MAX_PEERS = 16;

/**
 * What a leader watches besides its lease: that its document is still there, and, when its own storage is silent, whether
 * another node has taken over already. Then it is deposed and can't learn so from the storage.
 */
export class LeaderWatch {
  readonly #options: LeaderWatchOptions;
  #timers: Timer[] = [];
  #stopped = false;

  constructor(options: LeaderWatchOptions) {
    this.#options = options;
    const { settings } = options;
    this.#every(settings.checkDocumentEveryMs, () => this.#checkDocument());
    this.#every(settings.probeEveryMs, () => this.#checkPeers());
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
  }

  #every(intervalMs: number, check: () => Promise<void>): void {
    const slot = this.#timers.length;
    const schedule = (): void => {
      if (this.#stopped) return;
      this.#timers[slot] = this.#options.runtime.setTimer(intervalMs, () => void check().finally(schedule));
    };
    schedule();
  }

  async #checkDocument(): Promise<void> {
    const { records, term } = this.#options;
    const found = await records.glance().catch(() => undefined);
    if (this.#stopped || found === undefined) return;
    if (found.kind === 'refuse') this.#options.onRefused(found);
    else if (found.kind === 'led' && found.leader.document.epoch > term.epoch) {
      this.#options.onSuperseded(found.leader.document);
    }
  }

  async #checkPeers(): Promise<void> {
    const { term, peers } = this.#options;
    if (term.keeper.storageAnswers) return;
    await Promise.all(
      peers()
        .slice(0, MAX_PEERS)
        .map((url) => this.askPeer(url)),
    );
  }

  /** Steps down when the node at `url` leads under a newer epoch. */
  async askPeer(url: string): Promise<void> {
    const leader = await askWhetherLeads(this.#options, url);
    if (this.#stopped || leader === undefined || leader.epoch <= this.#options.term.epoch) return;
    this.#options.onSuperseded(leader);
  }
}

/** What the node at `url` says of its own leading; undefined when it does not, or does not answer. */
export async function askWhetherLeads(
  { probes, runtime, settings }: { probes: ProbePort; runtime: Runtime; settings: ElectionSettings },
  url: string,
): Promise<LeaderDocument | undefined> {
  const result = await probeWithin(probes, runtime, url, settings.probeTimeoutMs);
  if (!result.ok || !isLeading(result) || result.epoch === undefined) return undefined;
  const { epoch, nodeId = url, since = runtime.now() } = result;
  return { version: 1, epoch, nodeId, url, since };
}
