import type { LeaderDocument } from '@message-vault/metadata';
import type { Runtime, Timer } from '@message-vault/runtime';
import type { Observation } from './decision.ts';
import type { ProbePort, ProbeResult } from './ports.ts';
import type { ElectionSettings } from './settings.ts';

/** One answer, or the want of it, as an operator wants to see it. */
export interface ProbeReport {
  readonly url: string;
  readonly ok: boolean;
  /** `ready`, or why not. */
  readonly outcome: string;
  readonly latencyMs: number;
  /** Milliseconds since 1970, when it was sent. */
  readonly at: number;
}

type Reading = 'well' | 'unfit' | 'refused' | 'silent' | 'myself';

interface Failure {
  readonly sentAt: number;
  readonly reading: 'unfit' | 'refused' | 'silent';
}

export interface ProberOptions {
  readonly runtime: Runtime;
  readonly probes: ProbePort;
  readonly settings: ElectionSettings;
  readonly instanceId: string;
  /** Something the decision depends on changed. */
  readonly onChange: () => void;
}

/**
 * Asks the leader for its health, over and over, and draws the conclusion.
 *
 * Probes are sent on time whether or not the last one was answered, so that silence is noticed after one time-out and not
 * after several in a row. A failure that is an answer in itself counts less than a silence, because it comes at once and
 * can be repeated sooner. A probe whose time-out fires late is thrown away: it was this process that stood still.
 */
export class Prober {
  readonly #options: ProberOptions;
  #leader: LeaderDocument | undefined;
  #failures: Failure[] = [];
  #lastWellSentAt = Number.NEGATIVE_INFINITY;
  #reachesMyself = false;
  #heardEpoch = 0;
  #report: ProbeReport | null = null;
  #timer: Timer | undefined;

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /** Starts anew with another leader, or stops with undefined. The same leader again changes nothing. */
  watch(leader: LeaderDocument | undefined): void {
    if (this.#leader?.url === leader?.url && this.#leader?.epoch === leader?.epoch) return;
    this.#leader = leader;
    this.#failures = [];
    this.#lastWellSentAt = Number.NEGATIVE_INFINITY;
    this.#reachesMyself = false;
    this.#heardEpoch = 0;
    this.#timer?.cancel();
    if (leader !== undefined) this.#send(leader);
  }

  get lastReport(): ProbeReport | null {
    return this.#report;
  }

  get failuresInRow(): number {
    return this.#failures.length;
  }

  /** The URL of the leader leads to this process, which does not lead. */
  get reachesMyself(): boolean {
    return this.#reachesMyself;
  }

  /** The leader answers under a newer epoch than the one it is watched for. */
  get hasNewEpoch(): boolean {
    return this.#heardEpoch > (this.#leader?.epoch ?? 0);
  }

  get verdict(): Observation['probe'] {
    if (this.#reachesMyself) return 'doubtful';
    const last = this.#failures.at(-1);
    if (last === undefined) return this.#lastWellSentAt > Number.NEGATIVE_INFINITY ? 'ok' : 'doubtful';
    const { clearFailures, silentFailures } = this.#options.settings;
    const silent = this.#failures.filter((failure) => failure.reading === 'silent').length;
    const clear = this.#failures.length - silent;
    // clear / clearFailures + silent / silentFailures >= 1, without fractions.
    if (clear * silentFailures + silent * clearFailures < clearFailures * silentFailures) return 'doubtful';
    return last.reading === 'unfit' ? 'unfit' : 'unreachable';
  }

  #send(leader: LeaderDocument): void {
    const { runtime, settings } = this.#options;
    void this.#probe(leader);
    const everyMs = this.#failures.length > 0 ? settings.suspectProbeEveryMs : settings.probeEveryMs;
    this.#timer = runtime.setTimer(everyMs, () => this.#send(leader));
  }

  async #probe(leader: LeaderDocument): Promise<void> {
    const { runtime, probes, settings } = this.#options;
    const sentAt = runtime.monotonic();
    const at = runtime.now();
    const result = await probeWithin(probes, runtime, leader.url, settings.probeTimeoutMs);
    const latencyMs = runtime.monotonic() - sentAt;
    // What came much later than it was due shows that this process stood still, and nothing about the leader.
    const stoodStill = !result.ok && latencyMs > settings.probeTimeoutMs + settings.stallMs;
    if (this.#leader !== leader || stoodStill) return;
    const reading = readProbe(result, leader, this.#options.instanceId);
    this.#report = {
      url: leader.url,
      ok: reading === 'well',
      outcome: describe(result, reading),
      latencyMs,
      at,
    };
    if (result.role === 'leading') this.#heardEpoch = Math.max(this.#heardEpoch, result.epoch ?? 0);
    this.#take(reading, sentAt, leader);
  }

  #take(reading: Reading, sentAt: number, leader: LeaderDocument): void {
    const before = this.#failures.length;
    this.#reachesMyself = reading === 'myself';
    if (reading === 'well') {
      this.#lastWellSentAt = Math.max(this.#lastWellSentAt, sentAt);
      this.#failures = this.#failures.filter((failure) => failure.sentAt > sentAt);
    } else if (reading !== 'myself' && sentAt > this.#lastWellSentAt) {
      this.#failures.push({ sentAt, reading });
      this.#boundFailures();
    }
    if (before === 0 && this.#failures.length > 0) this.#hurry(leader);
    this.#options.onChange();
  }

  /** The next probe is not waited for as long as in good times. */
  #hurry(leader: LeaderDocument): void {
    const { runtime, settings } = this.#options;
    this.#timer?.cancel();
    this.#timer = runtime.setTimer(settings.suspectProbeEveryMs, () => this.#send(leader));
  }

  /** A leader may be gone for days: beyond what decides, more failures tell nothing new. */
  #boundFailures(): void {
    const { clearFailures, silentFailures } = this.#options.settings;
    const enough = 2 * (clearFailures + silentFailures);
    if (this.#failures.length > enough) this.#failures.splice(0, this.#failures.length - enough);
  }
}

/** Never later than `timeoutMs`, whatever the port does. */
export async function probeWithin(
  probes: ProbePort,
  runtime: Runtime,
  url: string,
  timeoutMs: number,
): Promise<ProbeResult> {
  const late = Promise.withResolvers<ProbeResult>();
  const timer = runtime.setTimer(timeoutMs, () => late.resolve({ ok: false, failure: 'timeout' }));
  try {
    return await Promise.race([probes.probe(url, timeoutMs), late.promise]);
  } finally {
    timer.cancel();
  }
}

/** Whether `result` comes from a node that leads, as far as it can tell. */
export function isLeading(result: ProbeResult): boolean {
  return result.role === 'leading' || result.role === 'draining';
}

function readProbe(result: ProbeResult, leader: LeaderDocument, instanceId: string): Reading {
  if (result.failure === 'refused') return 'refused';
  if (result.failure !== undefined) return 'silent';
  if (result.instanceId === instanceId) return 'myself';
  const isTheLeader = isLeading(result) && (result.epoch ?? leader.epoch) >= leader.epoch;
  return result.ok && isTheLeader ? 'well' : 'unfit';
}

function describe(result: ProbeResult, reading: Reading): string {
  if (reading === 'well') return 'ready';
  if (reading === 'myself') return 'this very process answered';
  if (result.failure !== undefined) return result.failure;
  if (!result.ok) return result.reason ?? 'not ready';
  return `${result.nodeId ?? 'the node'} answers as ${result.role ?? 'no role'} at epoch ${result.epoch ?? 'none'}`;
}
