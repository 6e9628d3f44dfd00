import { LEADER_LEASE, type LeaderDocument } from '@message-vault/metadata';
import type { Runtime } from '@message-vault/runtime';
import { isStorageError } from '@message-vault/storage';
import type { Alarms } from './alarms.ts';
import { acquireLead, breakLead, type Contender, type Contest } from './contend.ts';
import { decide, type Observation, type Row } from './decision.ts';
import type { LeaderRecords, Records } from './leader-records.ts';
import { LookPace } from './look-pace.ts';
import { Misdirection } from './misdirection.ts';
import type { ProbePort } from './ports.ts';
import { isLeading, Prober, probeWithin } from './prober.ts';
import type { ElectionSettings } from './settings.ts';
import type { StorageCalls } from './storage-calls.ts';
import { Turn } from './turn.ts';
import { Wake } from './wake.ts';
import { Witnesses } from './witness-round.ts';

export interface StandbyOptions {
  readonly nodeId: string;
  readonly instanceId: string;
  readonly wantsToLead: boolean;
  readonly mayLead: boolean;
  readonly runtime: Runtime;
  readonly calls: StorageCalls;
  readonly records: LeaderRecords;
  readonly settings: ElectionSettings;
  readonly probes: ProbePort;
  readonly alarms: Alarms;
  readonly contender: Contender;
  readonly witnessUrls: () => readonly string[];
  /** Told what the records say after every look at them. */
  readonly onRecords: (records: Records) => void;
  /** Told when there is nothing to do but to wait. */
  readonly onWaiting: () => void;
}

/** At least so often the situation is thought over, whatever happened. */
const THINK_EVERY_MS = 1000;

/** A node that does not lead: watches the leader and the storage, decides by the table, and contends when it says so. */
export class Standby {
  readonly prober: Prober;
  readonly witnesses: Witnesses;
  readonly #options: StandbyOptions;
  readonly #wake: Wake;
  readonly #turn: Turn;
  readonly #pace: LookPace;
  readonly #misdirection: Misdirection;
  #lease: Observation['lease'] = 'unknown';
  #leader: LeaderDocument | undefined;
  /** The leader document of an earlier life of this node whose process is certainly gone. */
  #buried: LeaderDocument | undefined;
  #refusing = false;
  #looked = false;
  #stopped = false;
  /** Newest epoch of this process whose lease is certainly not in force any more. */
  #letGoOf = 0;
  #row: Row | undefined;

  constructor(options: StandbyOptions) {
    const { nodeId, runtime, settings, probes } = options;
    this.#options = options;
    this.#wake = new Wake(runtime);
    this.#turn = new Turn({ runtime, settings, wantsToLead: options.wantsToLead });
    this.#pace = new LookPace({ runtime, settings });
    const leaseMs = settings.durationSeconds * 1000;
    this.#misdirection = new Misdirection({ nodeId, runtime, leaseMs });
    const onChange = (): void => this.#wake.wake();
    this.prober = new Prober({ runtime, probes, settings, instanceId: options.instanceId, onChange });
    this.witnesses = new Witnesses({
      runtime,
      probes,
      settings,
      urls: options.witnessUrls,
      onVerdict: onChange,
    });
  }

  /** False while the last look at the storage got no answer. */
  get storageAnswers(): boolean {
    return this.#pace.lastLookAnswered;
  }

  /** Who leads, as far as this node knows; itself, while it leads. */
  get leader(): LeaderDocument | undefined {
    return this.#leader;
  }

  /** Whether the records have been seen since the start. */
  get hasLooked(): boolean {
    return this.#looked;
  }

  get decision(): string | null {
    return this.#row?.id ?? null;
  }

  /** Looks at the storage as soon as possible, and again and again for `eagerForMs`. */
  hurry(eagerForMs = 0): void {
    this.#pace.hurry(eagerForMs);
    if (eagerForMs > 0) this.#turn.now();
    this.#wake.wake();
  }

  /** Another node says that the leader has changed. One that is not known can't make this one busy. */
  hearOfChange(fromKnown: boolean): void {
    if (fromKnown) this.#pace.hurry();
    else this.#pace.hurryGently();
    this.#wake.wake();
  }

  /** A leader was heard of in another way than by looking at the storage: this node itself, or one that was asked. */
  learn(leader: LeaderDocument): void {
    if (leader.epoch < (this.#leader?.epoch ?? 0)) return;
    this.#setLeader(leader);
    this.#wake.wake();
  }

  /** This node led until now. `termMs`: for how long. */
  deposed(termMs: number): void {
    this.#turn.deposed(termMs);
    this.#lease = 'unknown';
    this.#pace.hurry();
  }

  /** The lease of this process' term under `epoch` is certainly not in force any more. */
  hasLetGo(epoch: number): void {
    this.#letGoOf = Math.max(this.#letGoOf, epoch);
  }

  /** Ends for good: what is heard of from now on is watched no more. */
  stop(): void {
    this.#stopped = true;
    this.pause();
    this.#wake.wake();
  }

  /** Stops watching: this node leads now, or ends. */
  pause(): void {
    this.prober.watch(undefined);
    this.witnesses.stop();
    this.#misdirection.forget();
    this.#options.alarms.clear('cut_off_from_leader', 'url_leads_to_myself', 'storage_unreachable');
    this.#row = undefined;
  }

  /** Thinks once and does what the table says, then waits until there may be something new. */
  async step(): Promise<Contest | undefined> {
    this.#watchLeader();
    if (this.#pace.isDue) await this.#look();
    if (this.#stopped) return undefined;
    const seen = this.#observe();
    const row = decide(seen);
    this.#row = row;
    this.#minorDuties(seen, row);
    const contest = await this.#act(row);
    if (contest !== undefined) return contest;
    this.#options.onWaiting();
    await this.#wake.wait(Math.min(THINK_EVERY_MS, this.#pace.dueInMs, this.#turn.inMs));
    return undefined;
  }

  #observe(): Observation {
    const { settings, mayLead } = this.#options;
    const witnesses = this.witnesses.verdict;
    return {
      duty: !mayLead ? 'observer' : this.#refusing ? 'refusing' : 'contender',
      turn: this.#turn.isMine ? 'mine' : 'not_yet',
      lease: this.#lease,
      leader: this.#leaderKind(),
      probe: this.prober.verdict,
      storage: this.#pace.isSteady ? 'steady' : 'unsteady',
      witnesses,
      alone: witnesses === 'none_configured' ? settings.withoutWitnesses : settings.whenNoWitnessAnswers,
    };
  }

  #leaderKind(): Observation['leader'] {
    if (this.#leader === undefined) return 'none';
    if (this.#leader === this.#buried) return 'former_self';
    if (!this.#options.records.isOfThisLife(this.#leader)) return 'other';
    return this.#leader.epoch <= this.#letGoOf ? 'none' : 'former_self';
  }

  #act(row: Row): Promise<Contest | undefined> {
    if (row.act === 'acquire')
      return this.#contend(() => acquireLead(this.#options.contender, this.#leader?.epoch ?? 0));
    if (row.act === 'break' && this.#leader !== undefined) {
      const { epoch } = this.#leader;
      return this.#contend(() => breakLead(this.#options.contender, epoch));
    }
    return Promise.resolve(undefined);
  }

  async #contend(contest: () => Promise<Contest>): Promise<Contest> {
    const result = await contest();
    this.#lease = 'unknown';
    if (result.kind === 'won') this.#turn.won();
    if (result.kind === 'lost') this.#turn.lost();
    if (result.kind === 'failed') this.#turn.failed();
    if (result.kind === 'refused') this.#refusing = true;
    this.#pace.hurry();
    return result;
  }

  /** Probes whoever leads, and sees to it that the storage is looked at as often as the answers call for. */
  #watchLeader(): void {
    if (this.#stopped) return;
    const other = this.#leaderKind() === 'other' ? this.#leader : undefined;
    this.prober.watch(other);
    const suspect = this.#refusing ? 'slow' : this.prober.verdict === 'ok' ? 'calm' : 'alert';
    if (this.#pace.setMood(suspect) && suspect === 'alert') this.#lease = 'unknown';
    if (this.prober.hasNewEpoch) this.#pace.hurryGently();
  }

  #minorDuties(seen: Observation, row: Row): void {
    const { alarms } = this.#options;
    const url = this.#leader?.url;
    if (url !== undefined && seen.leader === 'other' && this.prober.failuresInRow > 0)
      this.witnesses.ask(url);
    else this.witnesses.stop();
    if (row.act === 'stand_by_cut_off') {
      alarms.raise('cut_off_from_leader', `the leader at ${url} answers others and not this node`);
    } else if (seen.probe === 'ok' || seen.leader !== 'other') {
      alarms.clear('cut_off_from_leader');
    }
    const reachesMyself = seen.leader === 'other' && this.prober.reachesMyself;
    if (this.#misdirection.isMistake(reachesMyself ? this.#leader : undefined)) {
      alarms.raise(
        'url_leads_to_myself',
        `${url}, the leader's URL, leads to this node, which does not lead`,
      );
    } else {
      alarms.clear('url_leads_to_myself');
    }
  }

  async #look(): Promise<void> {
    const { records, alarms, calls, mayLead } = this.#options;
    try {
      const [found, held] = await Promise.all([
        this.#refusing ? records.read() : records.glance(),
        mayLead ? this.#leaseIsHeld() : Promise.resolve(true),
      ]);
      this.#pace.answered();
      alarms.clear('storage_unreachable');
      this.#lease = held ? 'held' : 'free';
      await this.#take(found);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      this.#lease = 'unknown';
      if (this.#pace.failed()) {
        alarms.raise(
          'storage_unreachable',
          `the storage does not answer (${calls.count} calls made): ${error.message}`,
        );
      }
    }
  }

  async #leaseIsHeld(): Promise<boolean> {
    const { calls } = this.#options;
    try {
      return await calls.isHeld(LEADER_LEASE);
    } catch (error) {
      if (isStorageError(error, 'not_found')) return false;
      throw error;
    }
  }

  async #take(found: Records): Promise<void> {
    this.#refusing = found.kind === 'refuse';
    if (found.kind === 'led') {
      const leader = found.leader.document;
      if (leader.epoch >= (this.#leader?.epoch ?? 0)) this.#setLeader(leader);
      if (!this.#looked) await this.#buryEarlierLife(leader);
    }
    this.#looked = true;
    this.#options.onRecords(found);
  }

  #setLeader(leader: LeaderDocument): void {
    if (this.#leader?.epoch === leader.epoch && this.#leader.url === leader.url) return;
    this.#leader = leader;
    this.#pace.calmDown();
    this.#watchLeader();
  }

  /**
   * At the start, the leader document may name this very node: from before it was killed, or because a second process
   * was started with its configuration. Asking the address decides: refused, or answered by somebody who does not lead (this
   * very process, most often) means that the earlier life is over. A time-out means nothing; then it is watched as any leader.
   */
  async #buryEarlierLife(leader: LeaderDocument): Promise<void> {
    const { nodeId, probes, runtime, settings } = this.#options;
    if (leader.nodeId !== nodeId) return;
    const result = await probeWithin(probes, runtime, leader.url, settings.probeTimeoutMs);
    const answersAsNoLeader = result.failure === undefined && !isLeading(result);
    if (answersAsNoLeader || result.failure === 'refused') this.#buried = this.#leader;
  }
}
