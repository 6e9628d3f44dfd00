import { StorageError } from '../../errors.ts';
import { hostClock } from '../clock.ts';
import type { Connection } from './connection.ts';
import type { Disk } from './disk.ts';
import { type Failure, failureOf, isBusy, type LostAs, neverBegan } from './failures.ts';
import { type Operations, type Reads, readsOn, writesOn } from './operations.ts';
import type { ExpiredQueues } from './queues.ts';
import { sweep } from './sweep.ts';

/** A call as it comes from the other thread, which checks that `args` are the operation's. */
export interface Request {
  readonly id: number;
  readonly operation: keyof Operations;
  readonly args: never[];
  /** About how many bytes it writes. */
  readonly byteLength: number;
  readonly lostAs: LostAs;
  /** By `hostClock.monotonic`: what has not begun by then is refused. */
  readonly beginBy: number;
}

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly failure?: Failure;
}

/** One commit, which is one wait for the disk, takes as many writes as are waiting, up to this many bytes. */
const MAX_TURN_BYTES = 8 * 1024 * 1024;
const MAX_TURN_WRITES = 256;
/** How often the lock of the file is tried for. Fair it is not: who tries more often gets it sooner. */
const TRY_AGAIN_MS = 1;
/** How much is written until the log is copied into the database. A read goes through the log first. */
const CHECKPOINT_AFTER_BYTES = 32 * 1024 * 1024;
/** What a small write costs in the log, about: the pages it touches. */
const LEAST_WRITE_BYTES = 48 * 1024;
/** And a step of the sweep, whose rows lie together, but not their index. */
const SWEEP_STEP_BYTES = 128 * 1024;

/** What these leave behind is swept. */
const DELETIONS: ReadonlySet<keyof Operations> = new Set(['deleteSegment', 'deleteContainer', 'deleteQueue']);

type Operation = (...args: never[]) => unknown;

/**
 * The order in which one process's calls get at the file: reads at once, writes together, as many as are waiting in one
 * transaction. Whoever waits for the lock of another process does so between turns, with reads going on; and so does who
 * waits for the disk, without the lock: a process that is frozen there is in nobody's way.
 */
export class Turns {
  readonly #db: Connection;
  readonly #disk: Disk;
  readonly #answer: (answer: Answer) => void;
  readonly #reads: Reads;
  readonly #operations: Operations;
  readonly #expired: ExpiredQueues = new Map();
  #waiting: Request[] = [];
  #scheduled = false;
  /** Until what one turn wrote is on disk, more is waiting for the next. */
  #settling = false;
  #unanswered = 0;
  #closed = false;
  #sweeping = true;
  #bytesSinceCheckpoint = CHECKPOINT_AFTER_BYTES;

  constructor(db: Connection, disk: Disk, answer: (answer: Answer) => void) {
    this.#db = db;
    this.#disk = disk;
    this.#answer = answer;
    this.#reads = readsOn(db);
    this.#operations = { ...this.#reads, ...writesOn(db, this.#expired) };
    this.#schedule(0);
  }

  take(request: Request): void {
    if (request.operation in this.#reads) {
      this.#read(request);
    } else {
      this.#waiting.push(request);
      this.#schedule(0);
    }
  }

  /** Nothing may come any more; what is waiting is done first. */
  async finish(): Promise<void> {
    while (this.#waiting.length > 0 || this.#unanswered > 0)
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    this.#closed = true;
    await this.#disk.close();
    this.#db.close();
  }

  #read(request: Request): void {
    if (this.#closed) return;
    try {
      this.#db.exec('BEGIN');
      const outcome = this.#outcomeOf(request);
      const state = this.#disk.state(this.#db.version, false);
      this.#db.exec('COMMIT');
      const answer = { id: request.id, ...outcome };
      if (this.#disk.has(state)) this.#answer(answer);
      else void this.#answerOnDisk(state, [request], [answer]);
    } catch (error) {
      this.#db.rollBack();
      // Rare: another process recovers the log after a crash.
      if (isBusy(error) && hostClock.monotonic() < request.beginBy)
        setTimeout(() => this.#read(request), TRY_AGAIN_MS);
      else this.#answer({ id: request.id, failure: failureOf(error, request.lostAs) });
    }
  }

  #schedule(delayMs: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const turn = (): void => {
      this.#scheduled = false;
      if (!this.#closed) this.#turn();
    };
    if (delayMs === 0) setImmediate(turn);
    else setTimeout(turn, delayMs);
  }

  #turn(): void {
    if (this.#settling) return;
    if (this.#bytesSinceCheckpoint >= CHECKPOINT_AFTER_BYTES) this.#checkpoint();
    const free = this.#waiting.length > 0 ? this.#writeTurn() : true;
    const swept = !free || !this.#sweeping || this.#sweepTurn();
    if (this.#waiting.length > 0 || this.#sweeping) this.#schedule(free && swept ? 0 : TRY_AGAIN_MS);
  }

  /** False when another process has the lock. */
  #writeTurn(): boolean {
    this.#refuseLate();
    const requests = this.#nextWrites();
    if (requests.length === 0) return true;
    if (this.#disk.failed !== undefined) {
      this.#answerLost(requests, this.#disk.failed);
      return true;
    }
    const outcome = this.#inTransaction(() => {
      const answers = requests.map((request) => ({ id: request.id, ...this.#outcomeOf(request) }));
      return { answers, version: this.#db.version };
    });
    if (outcome === 'busy') {
      this.#waiting.unshift(...requests);
      return false;
    }
    if ('error' in outcome) {
      for (const { id, lostAs } of requests) this.#answer({ id, failure: failureOf(outcome.error, lostAs) });
      return true;
    }
    void this.#settle(this.#disk.state(outcome.value.version, true), requests, outcome.value.answers);
    for (const request of requests) this.#noteWritten(request);
    return true;
  }

  async #settle(state: number, requests: readonly Request[], answers: readonly Answer[]): Promise<void> {
    this.#settling = true;
    await this.#answerOnDisk(state, requests, answers);
    this.#settling = false;
    this.#schedule(0);
  }

  /** What a transaction showed or did is told when it can't be taken back any more. */
  async #answerOnDisk(
    state: number,
    requests: readonly Request[],
    answers: readonly Answer[],
  ): Promise<void> {
    this.#unanswered++;
    const failed = await this.#disk.reached(state).then(
      () => undefined,
      () => this.#disk.failed,
    );
    this.#unanswered--;
    if (failed !== undefined) this.#answerLost(requests, failed);
    else for (const answer of answers) this.#answer(answer);
  }

  #answerLost(requests: readonly Request[], { message }: Error): void {
    for (const { id, lostAs } of requests) this.#answer({ id, failure: { code: lostAs, message } });
  }

  #noteWritten({ operation, args, byteLength }: Request): void {
    this.#bytesSinceCheckpoint += LEAST_WRITE_BYTES + byteLength;
    this.#sweeping ||= DELETIONS.has(operation) || this.#expired.size > 0;
    const given: readonly unknown[] = args;
    for (const arg of given) if (arg instanceof Uint8Array) giveBack(arg);
  }

  #refuseLate(): void {
    const now = hostClock.monotonic();
    const late = this.#waiting.filter(({ beginBy }) => beginBy <= now);
    if (late.length === 0) return;
    this.#waiting = this.#waiting.filter(({ beginBy }) => beginBy > now);
    for (const { id, lostAs } of late) this.#answer({ id, failure: neverBegan(lostAs) });
  }

  /** The first write, and those after it that fit into the same transaction. */
  #nextWrites(): Request[] {
    let bytes = 0;
    let count = 0;
    for (const { byteLength } of this.#waiting) {
      bytes += byteLength;
      if (count > 0 && (bytes > MAX_TURN_BYTES || count >= MAX_TURN_WRITES)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /**
   * Runs `act` and commits it. Whatever the error, it is rolled back; only a commit that failed for the disk may turn
   * out to be in the log all the same, after a crash, which is why its outcome is unknown.
   */
  #inTransaction<T>(act: () => T): { value: T } | { error: unknown } | 'busy' {
    try {
      this.#db.exec('BEGIN IMMEDIATE');
    } catch (error) {
      return isBusy(error) ? 'busy' : { error };
    }
    try {
      const value = act();
      this.#db.exec('COMMIT');
      return { value };
    } catch (error) {
      this.#db.rollBack();
      return { error };
    }
  }

  /** A refusal is an outcome; everything else an operation throws ends the transaction. */
  #outcomeOf({ operation, args, lostAs }: Request): { value: unknown } | { failure: Failure } {
    const run: Operation = this.#operations[operation];
    try {
      return { value: run(...args) };
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return { failure: failureOf(error, lostAs) };
    }
  }

  /** Copies what it can of the log into the database, in the way of nobody. */
  #checkpoint(): void {
    this.#bytesSinceCheckpoint = 0;
    try {
      this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)');
    } catch (error) {
      // The next calls meet the same trouble, and tell of it.
      failureOf(error, 'unavailable');
    }
  }

  /** False when it has to wait. */
  #sweepTurn(): boolean {
    const outcome = this.#inTransaction(() => sweep(this.#db, this.#expired));
    if (outcome === 'busy') return false;
    // What is in the way of it is in the way of the calls too, and told there; the next deletion tries again.
    if ('error' in outcome) failureOf(outcome.error, 'unavailable');
    this.#sweeping = 'value' in outcome && outcome.value;
    if (this.#sweeping) this.#bytesSinceCheckpoint += SWEEP_STEP_BYTES;
    return true;
  }
}

/** Frees the memory of bytes at once. The collector sees small objects only, and would let hundreds of MiB pile up. */
function giveBack({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
