import type { Runtime } from '@message-vault/runtime';
import { SeededRandom, VirtualRuntime } from '@message-vault/runtime/testing';
import { Wires } from '../network/wires.ts';
import { Trace } from './trace.ts';
import { Skies } from './weather.ts';

/** A runtime for what needs nothing but chance. */
export function onlyRandomness(random: SeededRandom): Runtime {
  return {
    now: () => 0,
    monotonic: () => 0,
    setTimer: () => ({ cancel: () => {} }),
    random: () => random.next(),
    randomBytes: (count) => random.bytes(count),
  };
}

/** A rule that did not hold, and what shows it. */
export interface Finding {
  /** `I1` to `I8` of the protocol, a check of the history, or what else must hold. */
  readonly rule: string;
  readonly detail: string;
  /** Virtual time, milliseconds. */
  readonly atMs: number;
}

const ROUNDS_EVERY_MS = 800;

/** More findings than this say nothing new. */
const MAX_FINDINGS = 20;

/** One run: its clock, its chance, what was written down of it and what was found wrong with it. */
export class World {
  readonly seed: number;
  readonly clock: VirtualRuntime;
  readonly trace: Trace;
  readonly findings: Finding[] = [];
  readonly skies = new Skies();
  readonly wires: Wires;
  /** Virtual time at which all faults are over; nothing that was delayed arrives after it. */
  readonly calmAtMs: number;
  /** Pause between two rounds of retention and tidying up. */
  readonly roundsEveryMs: number;
  readonly #tidy: (() => void)[] = [];

  constructor(options: { seed: number; calmAtMs: number; keepTrace: boolean; roundsEveryMs?: number }) {
    this.roundsEveryMs = options.roundsEveryMs ?? ROUNDS_EVERY_MS;
    this.seed = options.seed;
    this.calmAtMs = options.calmAtMs;
    this.wires = new Wires((delayMs, happen) => this.after(delayMs, happen));
    this.calmAtMs = options.calmAtMs;
    this.clock = new VirtualRuntime({ seed: options.seed });
    this.trace = new Trace({ keep: options.keepTrace });
  }

  get nowMs(): number {
    return this.clock.monotonic();
  }

  /** Chance of its own for everything that needs any: what one part draws never moves what another one does. */
  chance(name: string): SeededRandom {
    let mixed = 0x811c9dc5 ^ this.seed;
    for (let at = 0; at < name.length; at += 1) mixed = Math.imul(mixed ^ name.charCodeAt(at), 0x01000193);
    return new SeededRandom(mixed ^ (mixed >>> 13));
  }

  after(delayMs: number, happen: () => void): void {
    this.clock.setTimer(delayMs, happen);
  }

  /** Some time later, up to `mostMs`, but before everything is calm; never, when it is calm already. */
  later(random: SeededRandom, mostMs: number, happen: () => void): void {
    const delayMs = Math.min(random.next() * mostMs, this.calmAtMs - this.nowMs - 1);
    if (delayMs > 0) this.after(delayMs, happen);
  }

  /** Runs `tidy` when the run is over and judged: for what would keep all of it in memory. */
  whenOver(tidy: () => void): void {
    this.#tidy.push(tidy);
  }

  /** Lets go of what outlives its process. */
  end(): void {
    for (const tidy of this.#tidy.splice(0)) tidy();
  }

  note(who: string, what: string): void {
    this.trace.add(this.nowMs, who, what);
  }

  broken(rule: string, detail: string): void {
    this.note('CHECK', `${rule}: ${detail}`);
    if (this.findings.length < MAX_FINDINGS) this.findings.push({ rule, detail, atMs: this.nowMs });
  }
}
