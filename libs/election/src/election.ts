import { LEADER_LEASE, type LeaderDocument } from '@message-vault/metadata';
import { messageOf, type Runtime, randomUuid } from '@message-vault/runtime';
import { type AlarmCode, Alarms } from './alarms.ts';
import { acquireLead, type Contender, type Contest } from './contend.ts';
import { ElectionError } from './errors.ts';
import { Handover, type HandoverResult } from './handover.ts';
import { LeaderRecords, type Records } from './leader-records.ts';
import { LeaderWatch } from './leader-watch.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { Neighbours } from './neighbours.ts';
import type { Election, ElectionOptions } from './options.ts';
import type { ClusterHint, WitnessAnswer } from './ports.ts';
import { readinessOf } from './readiness.ts';
import { RoleLedger } from './role-ledger.ts';
import type { RoleEvent } from './roles.ts';
import { type ElectionSettings, electionSettingsSchema } from './settings.ts';
import { Standby } from './standby.ts';
import type { ElectionState } from './state.ts';
import { StorageCalls } from './storage-calls.ts';
import { releaseLease } from './take-lease.ts';
import { Term } from './term.ts';
import { Wake } from './wake.ts';

const IDLE_MS = 60_000;

/** One node's part in the election: who leads, and what to do about it. See docs/election.md. */
export function createElection(options: ElectionOptions): Election {
  return new ElectionDriver(options);
}

class ElectionDriver implements Election {
  readonly #options: ElectionOptions;
  readonly #runtime: Runtime;
  readonly #settings: ElectionSettings;
  readonly #instanceId: string;
  readonly #calls: StorageCalls;
  readonly #records: LeaderRecords;
  readonly #alarms: Alarms;
  readonly #contender: Contender;
  readonly #standby: Standby;
  readonly #neighbours: Neighbours;
  readonly #wake: Wake;
  readonly #waiting = new Set<() => void>();
  readonly #roles: RoleLedger;
  #term: Term | undefined;
  #termBeganAt = 0;
  #watch: LeaderWatch | undefined;
  #handover: Handover | undefined;
  #handingOver: Promise<HandoverResult> | undefined;
  #toldEpoch = 0;
  #running: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: ElectionOptions) {
    const { runtime, nodeId, url, probes } = options;
    this.#options = options;
    this.#runtime = runtime;
    this.#settings = electionSettingsSchema.parse(options.settings ?? {});
    this.#instanceId = randomUuid(runtime);
    this.#roles = new RoleLedger(runtime);
    this.#wake = new Wake(runtime);
    this.#calls = new StorageCalls({ ...options, timeoutMs: this.#settings.storageTimeoutMs });
    this.#records = new LeaderRecords(this.#calls);
    this.#alarms = new Alarms({
      runtime,
      raised: (code, message) => options.events.alarm(code, message),
      changed: () => this.#changed(),
    });
    const shared = {
      nodeId,
      url,
      runtime,
      calls: this.#calls,
      records: this.#records,
      settings: this.#settings,
    };
    this.#contender = { ...shared, keep: (leaseId, acquiredAt) => this.#keep(leaseId, acquiredAt) };
    this.#standby = new Standby({
      ...shared,
      probes,
      instanceId: this.#instanceId,
      wantsToLead: options.wantsToLead,
      mayLead: options.mayLead ?? true,
      alarms: this.#alarms,
      contender: this.#contender,
      witnessUrls: options.witnesses,
      onRecords: (records) => this.#onRecords(records),
      onWaiting: () => this.#onWaiting(),
    });
    this.#neighbours = new Neighbours({ ...options, ...shared, leader: () => this.#standby.leader });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  handover(): Promise<HandoverResult> {
    if (this.#handingOver !== undefined) {
      return Promise.reject(new ElectionError('already_handing_over', 'this node is handing over already'));
    }
    if (this.#term === undefined) {
      return Promise.reject(
        new ElectionError('not_leading', `this node is ${this.#roles.role}: only a leader can hand over`),
      );
    }
    return this.#handOver(this.#term, 'planned');
  }

  async hint(hint: ClusterHint): Promise<boolean> {
    if (hint.kind === 'take-over') return this.#takeOver(hint.epoch);
    if (hint.epoch <= this.#epoch) return true;
    this.#handover?.hint();
    this.#standby.hearOfChange(this.#neighbours.isKnown(hint.url));
    const leader = await this.#neighbours.askLeader(hint);
    if (leader === undefined || leader.epoch <= this.#epoch) return false;
    if (this.#term !== undefined) this.#supersede(this.#term, leader);
    else this.#standby.learn(leader);
    this.#changed();
    return true;
  }

  witness(leaderUrl: string): Promise<WitnessAnswer> {
    return this.#neighbours.witness(leaderUrl);
  }

  get leadership(): Term | undefined {
    return this.#term;
  }

  state(): ElectionState {
    const { nodeId, url } = this.#options;
    const { prober, witnesses, leader, decision } = this.#standby;
    const { role, since, history } = this.#roles;
    const term = this.#term;
    const alarms = this.#alarms.list();
    const storageAnswers = term?.keeper.storageAnswers ?? this.#standby.storageAnswers;
    return {
      nodeId,
      url,
      instanceId: this.#instanceId,
      role,
      epoch: this.#epoch,
      leader: leader ?? null,
      since,
      readiness: readinessOf({ role, term, storageAnswers, alarms }),
      leaseLeftMs: term === undefined ? null : term.keeper.leftMs,
      lastProbe: prober.lastReport,
      probesFailed: prober.failuresInRow,
      witnesses: witnesses.reports,
      decision,
      storage: { calls: this.#calls.count, answers: storageAnswers },
      alarms,
      history,
    };
  }

  get #epoch(): number {
    return this.#term?.epoch ?? this.#standby.leader?.epoch ?? 0;
  }

  async #run(): Promise<void> {
    try {
      while (this.#stopping === undefined) {
        if (this.#roles.role === 'leading' || this.#roles.role === 'draining') await this.#wake.wait(IDLE_MS);
        else this.#conclude(await this.#standby.step());
      }
    } catch (error) {
      // A bug. This node must not go on leading on it, nor come back as if nothing had been.
      this.#alarms.raise(
        'election_failed',
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      );
      this.#stopping ??= Promise.resolve();
      if (this.#term !== undefined) this.#lose(this.#term, 'the election failed');
      this.#setRole('stop', 'the election failed');
      this.#standby.stop();
    }
  }

  /** True when a term began with it; it may be over already. */
  #conclude(contest: Contest | undefined): boolean {
    if (contest?.kind === 'refused') this.#refuse(contest.code, contest.message);
    if (contest?.kind !== 'won') return false;
    if (this.#stopping === undefined && contest.keeper.isHeld) {
      this.#begin(contest.keeper, contest.leader);
      return true;
    }
    this.#discard(contest.keeper);
    return false;
  }

  #discard(keeper: LeaseKeeper): void {
    keeper.stop();
    void releaseLease(this.#calls, LEADER_LEASE, keeper.leaseId);
  }

  #keep(leaseId: string, acquiredAt: number): LeaseKeeper {
    const keeper: LeaseKeeper = new LeaseKeeper({
      runtime: this.#runtime,
      calls: this.#calls,
      settings: this.#settings,
      leaseId,
      acquiredAt,
      sightings: this.#options.storageSightings,
      onLost: (reason) => {
        if (this.#term?.keeper === keeper) this.#lose(this.#term, reason);
      },
      onStorage: (answers) => this.#onStorage(answers),
    });
    return keeper;
  }

  #begin(keeper: LeaseKeeper, leader: LeaderDocument): void {
    const term: Term = new Term(leader.epoch, keeper, (reason, newerEpoch) => {
      if (newerEpoch !== undefined) this.#records.noteFence(newerEpoch);
      this.#lose(term, reason);
    });
    this.#term = term;
    this.#termBeganAt = this.#runtime.monotonic();
    this.#standby.learn(leader);
    this.#standby.pause();
    this.#watch = new LeaderWatch({
      ...this.#contender,
      probes: this.#options.probes,
      term,
      peers: () => this.#neighbours.peers(),
      onSuperseded: (newer) => this.#supersede(term, newer),
      onRefused: ({ code, message }) => this.#refuse(code, message),
    });
    this.#setRole('won', `leads under epoch ${leader.epoch}`);
    void this.#lead(term);
    this.#neighbours.tellAll(leader);
  }

  async #lead(term: Term): Promise<void> {
    try {
      await this.#options.events.lead(term);
    } catch (error) {
      this.#lose(term, `could not begin to lead: ${messageOf(error)}`);
    }
  }

  /** The term is over: say so at once, and let go of a lease that may still be ours. */
  #lose(term: Term, reason: string, event: 'lost' | 'refused' = 'lost'): void {
    if (this.#term !== term) return;
    this.#endTerm(term);
    this.#standby.deposed(this.#runtime.monotonic() - this.#termBeganAt);
    this.#setRole(event, reason);
    this.#options.events.stepDown(reason);
    void this.#letGo(term);
  }

  /** From when that is certain, the lease is another's if it is held. */
  async #letGo({ epoch, keeper }: Term): Promise<void> {
    if (await releaseLease(this.#calls, LEADER_LEASE, keeper.leaseId)) this.#standby.hasLetGo(epoch);
  }

  #supersede(term: Term, newer: LeaderDocument): void {
    this.#lose(term, `${newer.nodeId} leads under epoch ${newer.epoch}`);
    this.#standby.learn(newer);
  }

  #endTerm(term: Term): void {
    term.end();
    this.#watch?.stop();
    this.#watch = undefined;
    this.#term = undefined;
    this.#alarms.clear('storage_unreachable');
  }

  #refuse(code: AlarmCode, message: string): void {
    this.#alarms.raise(code, message);
    if (this.#term !== undefined) this.#lose(this.#term, message, 'refused');
    else if (this.#roles.role !== 'fenced') this.#setRole('refused', message);
  }

  #onRecords(records: Records): void {
    if (records.kind === 'refuse') this.#refuse(records.code, records.message);
    else if (this.#roles.role === 'fenced') {
      this.#alarms.clear('storage_rolled_back', 'leader_document_missing', 'leader_document_unreadable');
      this.#setRole('cleared', 'the records of the leader are in order again');
    }
    if (this.#toldEpoch !== this.#epoch) this.#changed();
  }

  #onWaiting(): void {
    if (this.#roles.role === 'starting' && this.#standby.hasLooked) this.#setRole('looked', 'stands by');
  }

  #onStorage(answers: boolean): void {
    if (answers) this.#alarms.clear('storage_unreachable');
    else this.#alarms.raise('storage_unreachable', 'the storage does not answer the leader');
  }

  async #handOver(term: Term, purpose: 'planned' | 'final'): Promise<HandoverResult> {
    const { probes } = this.#options;
    const knownLeader = (): LeaderDocument | undefined => this.#standby.leader;
    const handover = new Handover({
      ...this.#contender,
      probes,
      knownLeader,
      release: (ended) => this.#letGo(ended),
    });
    this.#handover = handover;
    this.#handingOver = this.#runHandover(handover, term, purpose).finally(() => {
      this.#handover = undefined;
      this.#handingOver = undefined;
      this.#wake.wake();
    });
    return this.#handingOver;
  }

  async #runHandover(handover: Handover, term: Term, purpose: 'planned' | 'final'): Promise<HandoverResult> {
    const successors = await handover.findStandbys(this.#neighbours.peers());
    if (purpose === 'planned' && successors.length === 0)
      return { done: false, reason: 'no standby is ready' };
    if (this.#term !== term) return { done: false, reason: 'leadership was lost meanwhile' };
    this.#setRole('hand_over', 'hands over');
    await handover.drain(() => this.#options.events.drain());
    if (this.#term !== term) return { done: false, reason: 'leadership was lost meanwhile' };
    this.#endTerm(term);
    this.#changed();
    const leader = await handover.letGo(term, successors);
    if (leader === undefined) return this.#nobodyTookOver(purpose);
    this.#standby.learn(leader);
    this.#stepAside(`handed over to ${leader.nodeId}`);
    return { done: true, leader };
  }

  async #nobodyTookOver(purpose: 'planned' | 'final'): Promise<HandoverResult> {
    const reason = 'nobody took over';
    const contest = purpose === 'planned' ? await acquireLead(this.#contender, this.#epoch) : undefined;
    if (this.#conclude(contest)) return { done: false, reason };
    if (this.#roles.role === 'draining') this.#stepAside(reason);
    else this.#options.events.stepDown(contest?.kind === 'refused' ? contest.message : reason);
    return { done: false, reason };
  }

  #stepAside(reason: string): void {
    this.#standby.hurry();
    this.#setRole('handed_over', reason);
    this.#options.events.stepDown(reason);
  }

  async #takeOver(epoch: number): Promise<boolean> {
    const mayTry = this.#roles.role === 'standby' || this.#roles.role === 'starting';
    if (!mayTry || epoch < this.#epoch || this.#options.mayLead === false) return this.#term !== undefined;
    this.#standby.hurry(this.#settings.takeOverWithinMs);
    const deadline = this.#runtime.monotonic() + this.#settings.takeOverWithinMs;
    while (this.#term === undefined && this.#epoch <= epoch && this.#runtime.monotonic() < deadline) {
      await this.#nextChange(deadline - this.#runtime.monotonic());
    }
    return this.#term !== undefined;
  }

  async #stop(): Promise<void> {
    await this.#handingOver?.catch(() => {});
    if (this.#term !== undefined) await this.#handOver(this.#term, 'final');
    this.#setRole('stop', 'stopped');
    this.#standby.stop();
    this.#wake.wake();
    await this.#running;
  }

  #setRole(event: RoleEvent, reason: string): void {
    if (!this.#roles.step(event, reason, this.#epoch)) return;
    this.#wake.wake();
    this.#changed();
  }

  #changed(): void {
    this.#toldEpoch = this.#epoch;
    for (const resolve of this.#waiting) resolve();
    this.#options.events.changed(this.state());
  }

  async #nextChange(atMostMs: number): Promise<void> {
    const change = Promise.withResolvers<void>();
    const timer = this.#runtime.setTimer(atMostMs, change.resolve);
    this.#waiting.add(change.resolve);
    await change.promise;
    this.#waiting.delete(change.resolve);
    timer.cancel();
  }
}
