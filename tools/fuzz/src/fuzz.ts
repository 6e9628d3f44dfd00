import { setImmediate } from 'node:timers/promises';
import { SeededRandom } from '@message-vault/runtime/testing';
import { makeSamples, type Samples } from './samples.ts';
import { TARGETS, type Target, type Verdict } from './targets.ts';

export interface FuzzOptions {
  /** u32. Samples and every iteration follow from it. */
  readonly seed: number;
  readonly iterations: number;
  /** The first iteration: each depends on the seed and its own number alone, so any can be run by itself. Default 0. */
  readonly from?: number;
  /** How much the process's peak memory may grow. Default 256 MiB. */
  readonly maxGrowthBytes?: number;
  readonly targets?: readonly Target[];
  /** Called with the number of each iteration before it runs. */
  onIteration?(iteration: number): void;
}

/** An input on which a decoder broke a promise. */
interface Finding {
  readonly iteration: number;
  readonly target: string;
  readonly reason: string;
  readonly inputHex: string;
}

export interface FuzzReport {
  readonly seed: number;
  /** How many ran: fewer than asked for after a finding. */
  readonly iterations: number;
  /** How often each verdict was given, by target. */
  readonly verdicts: ReadonlyMap<string, ReadonlyMap<Verdict, number>>;
  readonly longest: { readonly iteration: number; readonly target: string; readonly tookMs: number };
  /** How much the process's peak resident memory grew from the first iteration to the last. */
  readonly grownBytes: number;
  readonly finding: Finding | undefined;
}

const MAX_GROWTH_BYTES = 256 * 1024 * 1024;
/** The zlib of Node lets go of what it used only when its caller comes back to the event loop, as a server always does. */
const YIELD_EVERY = 256;
/** Reading the peak costs a system call, so it is compared with its bound only now and then. */
const MEMORY_CHECK_EVERY = 1024;

/** Tries damaged inputs on the decoders until one is a finding or all are done. Stops at the first finding. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const samples = makeSamples(new SeededRandom(options.seed));
  const run = new Run(options, samples);
  const first = options.from ?? 0;
  for (let iteration = first; iteration < first + options.iterations; iteration += 1) {
    if (!run.iterate(iteration)) break;
    if (iteration % YIELD_EVERY === 0) await setImmediate();
  }
  return run.report();
}

class Run {
  readonly #options: FuzzOptions;
  readonly #samples: Samples;
  readonly #targets: readonly Target[];
  readonly #verdicts = new Map<string, Map<Verdict, number>>();
  readonly #startBytes = peakBytes();
  #longest = { iteration: 0, target: '', tookMs: 0 };
  #iterations = 0;
  #finding: Finding | undefined;

  constructor(options: FuzzOptions, samples: Samples) {
    this.#options = options;
    this.#samples = samples;
    this.#targets = options.targets ?? TARGETS;
  }

  /** False after a finding. */
  iterate(iteration: number): boolean {
    this.#options.onIteration?.(iteration);
    const random = new SeededRandom(Math.imul(this.#options.seed + 1, 0x9e3779b1) ^ iteration);
    const target = random.pick(this.#targets);
    const input = target.make(random, this.#samples);
    this.#iterations += 1;
    try {
      this.#exercise(iteration, target, input);
      if (iteration % MEMORY_CHECK_EVERY === 0) this.#requireBoundedMemory();
      return true;
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const inputHex = Buffer.from(input).toString('hex');
      this.#finding = { iteration, target: target.name, reason, inputHex };
      return false;
    }
  }

  #exercise(iteration: number, target: Target, input: Uint8Array): void {
    const startedAt = performance.now();
    const verdict = target.exercise(input);
    const tookMs = performance.now() - startedAt;
    if (tookMs > this.#longest.tookMs) this.#longest = { iteration, target: target.name, tookMs };
    const counts = this.#verdicts.get(target.name) ?? new Map<Verdict, number>();
    counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
    this.#verdicts.set(target.name, counts);
  }

  #requireBoundedMemory(): void {
    const maxBytes = this.#options.maxGrowthBytes ?? MAX_GROWTH_BYTES;
    const grown = peakBytes() - this.#startBytes;
    if (grown > maxBytes) throw new Error(`peak memory grew by ${grown} bytes, at most ${maxBytes} allowed`);
  }

  report(): FuzzReport {
    return {
      seed: this.#options.seed,
      iterations: this.#iterations,
      verdicts: this.#verdicts,
      longest: this.#longest,
      grownBytes: peakBytes() - this.#startBytes,
      finding: this.#finding,
    };
  }
}

/** The most resident memory the process has had. */
function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}
