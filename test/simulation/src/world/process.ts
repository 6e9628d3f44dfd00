import type { Runtime, Timer } from '@message-vault/runtime';
import type { SeededRandom } from '@message-vault/runtime/testing';
import type { World } from './world.ts';

/** A machine: what outlives the processes that run on it. */
export class Host {
  readonly name: string;
  /** How fast its clocks run; 1 is right. */
  readonly clockRate: number;
  /** Of its wall clock, milliseconds. */
  wallOffsetMs = 0;
  #lives = 0;

  constructor(name: string, clockRate = 1) {
    this.name = name;
    this.clockRate = clockRate;
  }

  nextLife(): number {
    this.#lives += 1;
    return this.#lives;
  }
}

/** What a node waits between two rounds of retention: no run is as long as that, and the world has another time for it. */
const RETENTION_EVERY_MS = 15 * 60_000;

/** What rounding leaves of a time must not be waited for without any time passing. */
const LEAST_MS = 0.001;

type State = 'running' | 'frozen' | 'thawing' | 'dead';

/**
 * One life of one program: its view of time, and the door everything comes in by. Frozen, it gets neither its timers nor
 * its messages until it is thawed; dead, it gets nothing any more and whatever it still does reaches nobody.
 */
export class SimProcess implements Runtime {
  readonly host: Host;
  /** Unique: `n1.2` is the second life of n1. */
  readonly id: string;
  readonly world: World;
  readonly #random: SeededRandom;
  readonly #onDeath = new Set<() => void>();
  #state: State = 'running';
  /** Virtual milliseconds its monotonic clock has stood still, and since when it does now. */
  #stoppedMs = 0;
  #stoppedSince: number | undefined;
  #timers: (() => void)[] = [];
  #messages: (() => void)[] = [];

  constructor(world: World, host: Host) {
    this.world = world;
    this.host = host;
    this.id = `${host.name}.${host.nextLife()}`;
    this.#random = world.chance(`process ${this.id}`);
    world.note(this.id, 'starts');
  }

  get isAlive(): boolean {
    return this.#state !== 'dead';
  }

  get isFrozen(): boolean {
    return this.#state === 'frozen';
  }

  now(): number {
    const fastMs = this.world.nowMs * (this.host.clockRate - 1);
    return Math.floor(this.world.clock.now() + fastMs + this.host.wallOffsetMs);
  }

  monotonic(): number {
    return (this.world.nowMs - this.#stopped()) * this.host.clockRate;
  }

  setTimer(givenMs: number, fire: () => void): Timer {
    const delayMs = givenMs === RETENTION_EVERY_MS ? this.world.roundsEveryMs : givenMs;
    let cancelled = false;
    let timer: Timer;
    const arm = (afterMs: number): void => {
      const stoppedMs = this.#stopped();
      const due = (): void => {
        const shortMs = this.#stopped() - stoppedMs;
        if (cancelled) return;
        if (shortMs > 0) arm(shortMs);
        else fire();
      };
      timer = this.world.clock.setTimer(afterMs, () => this.#arrive(due, this.#timers));
    };
    arm(delayMs > 0 ? Math.max(delayMs / this.host.clockRate, LEAST_MS) : 0);
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  random(): number {
    return this.#random.next();
  }

  randomBytes(count: number): Uint8Array {
    return this.#random.bytes(count);
  }

  /** Something from outside: happens now, when the process is thawed, or never. */
  deliver(happen: () => void): void {
    this.#arrive(happen, this.#messages);
  }

  /** Calls `died` when the process ends. Answers how to take that back. */
  onDeath(died: () => void): () => void {
    this.#onDeath.add(died);
    return () => void this.#onDeath.delete(died);
  }

  /** `suspended`: with its whole machine, whose monotonic clock stands still with it. */
  freeze({ suspended = false } = {}): void {
    if (this.#state !== 'running' && this.#state !== 'thawing') return;
    this.#state = 'frozen';
    if (suspended) this.#stoppedSince = this.world.nowMs;
    this.world.note(this.id, suspended ? 'is suspended' : 'is frozen');
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'thawing';
    this.#stoppedMs = this.#stopped();
    this.#stoppedSince = undefined;
    this.world.note(
      this.id,
      `is thawed, ${this.#timers.length} timers and ${this.#messages.length} messages late`,
    );
    this.world.after(0, () => this.#catchUp());
  }

  kill(): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.#timers = [];
    this.#messages = [];
    this.world.note(this.id, 'is dead');
    for (const died of [...this.#onDeath]) died();
    this.#onDeath.clear();
  }

  #stopped(): number {
    return this.#stoppedMs + (this.#stoppedSince === undefined ? 0 : this.world.nowMs - this.#stoppedSince);
  }

  #arrive(happen: () => void, late: (() => void)[]): void {
    if (this.#state === 'running') happen();
    else if (this.#state !== 'dead') late.push(happen);
  }

  /** One late thing at a time, timers and messages in any mixture, each in its own order. */
  #catchUp(): void {
    if (this.#state !== 'thawing') return;
    const timers = this.#timers.length;
    const messages = this.#messages.length;
    if (timers + messages === 0) {
      this.#state = 'running';
      return;
    }
    const queue = this.#random.below(timers + messages) < timers ? this.#timers : this.#messages;
    queue.shift()?.();
    this.world.after(0, () => this.#catchUp());
  }
}
