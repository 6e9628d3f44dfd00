import type { LeaderDocument } from '@message-vault/metadata';
import type { Runtime } from '@message-vault/runtime';
import type { LeaderRecords } from './leader-records.ts';
import type { ProbePort } from './ports.ts';
import { probeWithin } from './prober.ts';
import type { ElectionSettings } from './settings.ts';
import type { Term } from './term.ts';
import { Wake } from './wake.ts';

export type HandoverResult =
  | { readonly done: true; readonly leader: LeaderDocument }
  | { readonly done: false; readonly reason: string };

export interface HandoverOptions {
  readonly runtime: Runtime;
  readonly settings: ElectionSettings;
  /** Lets go of the lease of a term that has ended. */
  readonly release: (term: Term) => Promise<void>;
  readonly records: LeaderRecords;
  readonly probes: ProbePort;
  /** The leader this node has heard of last. */
  readonly knownLeader: () => LeaderDocument | undefined;
}

/** How often the old leader looks for the new one's document when nobody tells it. */
const LOOK_EVERY_MS = 50;
/** After this long without the first successor, the others are asked too. */
const FIRST_SUCCESSOR_MS = 500;
const MAX_PEERS = 16;

/** Gives leadership from this node to another. */
export class Handover {
  readonly #options: HandoverOptions;
  readonly #wake: Wake;

  constructor(options: HandoverOptions) {
    this.#options = options;
    this.#wake = new Wake(options.runtime);
  }

  /** There may be a new leader: look. */
  hint(): void {
    this.#wake.wake();
  }

  /** The peers that stand by in good health. */
  async findStandbys(peers: readonly string[]): Promise<string[]> {
    const { probes, runtime, settings } = this.#options;
    const urls = peers.slice(0, MAX_PEERS);
    const results = await Promise.all(
      urls.map((url) => probeWithin(probes, runtime, url, settings.probeTimeoutMs)),
    );
    return urls.filter((_, index) => results[index]?.ok && results[index].role === 'standby');
  }

  /**
   * Lets `drain` finish, but not longer than `drainTimeoutMs`. What could not be finished by then, or because it failed, is
   * refused by the storage from now on or has landed: its callers ask again and are told.
   */
  async drain(drain: () => Promise<void>): Promise<void> {
    const { runtime, settings } = this.#options;
    const over = Promise.withResolvers<void>();
    const timer = runtime.setTimer(settings.drainTimeoutMs, over.resolve);
    drain().then(over.resolve, () => over.resolve());
    await over.promise;
    timer.cancel();
  }

  /** Ends `term`, releases its lease and waits for one of `successors` to lead. Undefined when none did in time. */
  async letGo(term: Term, successors: readonly string[]): Promise<LeaderDocument | undefined> {
    const { release, runtime, settings } = this.#options;
    term.end();
    await release(term);
    const [first, ...others] = successors;
    if (first === undefined) return undefined;
    this.#tell(first, term.epoch);
    const tellOthers = runtime.setTimer(FIRST_SUCCESSOR_MS, () => {
      for (const url of others) this.#tell(url, term.epoch);
    });
    const leader = await this.#waitForLeader(term.epoch, runtime.monotonic() + settings.takeOverWithinMs);
    tellOthers.cancel();
    return leader;
  }

  #tell(url: string, epoch: number): void {
    const { probes, settings } = this.#options;
    void probes
      .notify(url, { kind: 'take-over', epoch }, settings.takeOverWithinMs)
      .then(() => this.#wake.wake());
  }

  async #waitForLeader(epoch: number, deadline: number): Promise<LeaderDocument | undefined> {
    const { runtime, records, knownLeader } = this.#options;
    while (runtime.monotonic() < deadline) {
      await this.#wake.wait(LOOK_EVERY_MS);
      const found = await records.glance().catch(() => undefined);
      const leader = found?.kind === 'led' ? found.leader.document : knownLeader();
      if (leader !== undefined && leader.epoch > epoch) return leader;
    }
    return undefined;
  }
}
