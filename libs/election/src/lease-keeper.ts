import { LEADER_LEASE } from '@message-vault/metadata';
import { messageOf, type Runtime, type Timer } from '@message-vault/runtime';
import { isStorageError } from '@message-vault/storage';
import type { StorageSightings } from './ports.ts';
import type { ElectionSettings } from './settings.ts';
import { isSilence, type StorageCalls } from './storage-calls.ts';

export interface LeaseKeeperOptions {
  readonly runtime: Runtime;
  readonly calls: StorageCalls;
  readonly settings: ElectionSettings;
  readonly leaseId: string;
  /** Monotonic clock: when the call that took the lease was sent. */
  readonly acquiredAt: number;
  readonly sightings: StorageSightings | undefined;
  /** The lease is not this node's any more, or can't be known to be. Called once; the keeper has stopped. */
  readonly onLost: (reason: string) => void;
  /** `storageAnswers` changed. */
  readonly onStorage: (answers: boolean) => void;
}

/** Costs no storage call: a look at the clock and at what is known. */
const WATCH_EVERY_MS = 100;
const TOO_LATE = 'the lease could not be renewed in time';

/**
 * Renews a lease that has been taken, and is the leader's pulse on its storage.
 *
 * Every time counts from the SENDING of a call that succeeded, on the monotonic clock: the storage's own clock for the
 * lease can only have started later, so this node's trust in the lease ends before the lease does.
 * Trouble anywhere (a renewal that failed, a call of the log without an answer) makes it renew at once and go on every
 * `retryRenewEveryMs`, so that a leader cut off from the storage knows within about a second, without polling when idle.
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  #deadline: number;
  #lastSuccessSentAt: number;
  #renewalSentAt: number;
  /** When the renewals in flight were sent, oldest first. */
  readonly #inFlight: number[] = [];
  /** When the first sign of trouble since the last success was seen; undefined in good health. */
  #troubleAt: number | undefined;
  #storageAnswers = true;
  #watch: Timer | undefined;
  #watchDueAt = 0;
  #stopped = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#lastSuccessSentAt = options.acquiredAt;
    this.#renewalSentAt = options.acquiredAt;
    this.#deadline = this.#deadlineAfter(options.acquiredAt);
    this.#scheduleWatch();
  }

  get leaseId(): string {
    return this.#options.leaseId;
  }

  get isHeld(): boolean {
    return !this.#stopped && this.leftMs > 0;
  }

  /** Until the deadline; 0 after it. */
  get leftMs(): number {
    return Math.max(0, this.#deadline - this.#options.runtime.monotonic());
  }

  /** False once the storage has been silent for `storageSilenceMs` since the first sign of trouble. */
  get storageAnswers(): boolean {
    return this.#storageAnswers;
  }

  /** Stops renewing; the lease is not released. */
  stop(): void {
    this.#stopped = true;
    this.#watch?.cancel();
  }

  #deadlineAfter(sentAt: number): number {
    const { durationSeconds, marginMs } = this.#options.settings;
    return sentAt + durationSeconds * 1000 - marginMs;
  }

  #scheduleWatch(): void {
    const { runtime } = this.#options;
    this.#watchDueAt = runtime.monotonic() + WATCH_EVERY_MS;
    this.#watch = runtime.setTimer(WATCH_EVERY_MS, () => this.#look());
  }

  #look(): void {
    if (this.#stopped) return;
    const now = this.#options.runtime.monotonic();
    if (now >= this.#deadline) {
      this.#lose(TOO_LATE);
      return;
    }
    const stood = now - this.#watchDueAt > this.#options.settings.stallMs;
    this.#noteTrouble(now);
    if (stood || this.#renewalIsDue(now)) void this.#renew(now);
    this.#judgeStorage(now);
    this.#scheduleWatch();
  }

  #renewalIsDue(now: number): boolean {
    const { renewEveryMs, retryRenewEveryMs } = this.#options.settings;
    const everyMs = this.#troubleAt === undefined ? renewEveryMs : retryRenewEveryMs;
    return now - this.#renewalSentAt >= everyMs;
  }

  #noteTrouble(now: number): void {
    if (this.#troubleAt !== undefined) return;
    const { sightings, settings } = this.#options;
    if (sightings !== undefined && sightings.lastSilenceAt > this.#lastSuccessSentAt) {
      this.#troubleAt = sightings.lastSilenceAt;
      return;
    }
    const pendingAt = Math.min(this.#inFlight[0] ?? Infinity, sightings?.oldestPendingAt ?? Infinity);
    if (pendingAt === Infinity) return;
    // A call that is merely long (4 MiB over a slow line) is no trouble while renewals go through.
    const silentSince = Math.max(pendingAt, this.#lastSuccessSentAt);
    if (now - silentSince >= settings.storageSlowMs) this.#troubleAt = silentSince;
  }

  #judgeStorage(now: number): void {
    const silentForMs = this.#troubleAt === undefined ? 0 : now - this.#troubleAt;
    const answers = silentForMs < this.#options.settings.storageSilenceMs;
    if (answers === this.#storageAnswers) return;
    this.#storageAnswers = answers;
    this.#options.onStorage(answers);
  }

  /** Renewing twice does no harm: a renewal without an answer does not hold up the next, and time-outs bound how many there are. */
  async #renew(sentAt: number): Promise<void> {
    this.#renewalSentAt = sentAt;
    this.#inFlight.push(sentAt);
    try {
      await this.#options.calls.renew(LEADER_LEASE, this.leaseId);
      this.#succeeded(sentAt);
    } catch (error) {
      this.#failed(error, sentAt);
    } finally {
      this.#inFlight.splice(this.#inFlight.indexOf(sentAt), 1);
    }
  }

  #succeeded(sentAt: number): void {
    if (this.#stopped || sentAt < this.#lastSuccessSentAt) return;
    // Whoever has asked since the deadline has dropped what it was at: a term does not go on after that.
    if (!this.isHeld) {
      this.#lose(TOO_LATE);
      return;
    }
    this.#lastSuccessSentAt = sentAt;
    this.#deadline = this.#deadlineAfter(sentAt);
    this.#troubleAt = undefined;
    this.#judgeStorage(this.#options.runtime.monotonic());
  }

  #failed(error: unknown, sentAt: number): void {
    if (this.#stopped) return;
    if (isSilence(error)) this.#noteSilence(sentAt);
    else if (isStorageError(error, 'lease_conflict'))
      this.#lose('another node has taken the lease, or it was broken');
    else if (isStorageError(error, 'not_found')) this.#lose('the lease blob is gone');
    else this.#lose(`the lease can't be renewed: ${messageOf(error)}`);
  }

  #noteSilence(sentAt: number): void {
    if (sentAt > this.#lastSuccessSentAt) this.#troubleAt ??= sentAt;
  }

  #lose(reason: string): void {
    this.stop();
    this.#options.onLost(reason);
  }
}
