import { performance } from 'node:perf_hooks';
import { exposedCollector } from './collector.ts';

const LOOK_EVERY_MS = 10_000;
/** Lease renewals and probes of others take some hundredths of a node's time; more than this is work. */
const IDLE_SHARE = 0.05;
/** What must have come since the last time to be worth a pause. */
const WORTH_BYTES = 16 * 1024 * 1024;
/** Giving back takes two to three collections in one go: only where one alone was no longer than this. */
const SHORT_MS = 80;
/** Where it was: the machine is at other work, or the heap is large. */
const LOOKS_UNTIL_ANOTHER_TRY = 6;

/** What `IdleMemory` sees and does; its own process, except in tests. */
export interface ProcessMemory {
  /** Share of the time since the last call in which there was something to do, 0 to 1. */
  busyShare(): number;
  residentBytes(): number;
  /** Collects the whole heap, and answers how long that took, milliseconds. What became free stays with the process. */
  collect(): number;
  /** Gives what is free back to the machine. */
  release(): void;
}

/** Decides when memory is worth giving back: when there is nothing to do, and enough has come since the last time. */
export class IdleMemory {
  readonly #memory: ProcessMemory;
  /** The least that was resident since the last release. */
  #keptBytes = 0;
  #next: 'collect' | 'release' = 'collect';
  #looksToSkip = 0;

  constructor(memory: ProcessMemory) {
    this.#memory = memory;
  }

  look(): void {
    const idle = this.#memory.busyShare() <= IDLE_SHARE;
    const resident = this.#memory.residentBytes();
    this.#keptBytes = Math.min(this.#keptBytes, resident);
    if (this.#looksToSkip > 0) this.#looksToSkip -= 1;
    else if (!idle || resident - this.#keptBytes < WORTH_BYTES) this.#next = 'collect';
    else if (this.#next === 'collect') this.#collect();
    else this.#release();
  }

  /** What is garbage now need not be gone through when memory is given back, and the time this takes tells how long that will. */
  #collect(): void {
    if (this.#memory.collect() <= SHORT_MS) this.#next = 'release';
    else this.#looksToSkip = LOOKS_UNTIL_ANOTHER_TRY;
  }

  #release(): void {
    this.#next = 'collect';
    this.#memory.release();
    this.#keptBytes = this.#memory.residentBytes();
  }
}

/**
 * Gives memory back to the machine some twenty seconds after the work is done; for the main program of a process only.
 *
 * V8 collects garbage when memory is asked for, and keeps what became free for the next who asks. A process that has
 * nothing more to do asks for none, and would hold what its work has left behind for as long as it idles: with thousands
 * of streams published to, more than it needs. So it is collected, and given back ten seconds later, if that can be done
 * in a pause shorter than anybody waits for an answer of this node (docs/adr/0026 has the reasons).
 */
export function returnMemoryWhenIdle(): void {
  const idle = new IdleMemory(ownMemory());
  setInterval(() => idle.look(), LOOK_EVERY_MS).unref();
}

export function ownMemory(): ProcessMemory {
  const collect = exposedCollector();
  let seen = performance.eventLoopUtilization();
  return {
    busyShare() {
      const before = seen;
      seen = performance.eventLoopUtilization();
      return performance.eventLoopUtilization(seen, before).utilization;
    },
    residentBytes: () => process.memoryUsage.rss(),
    collect() {
      const startedAt = performance.now();
      collect({ type: 'major' });
      return performance.now() - startedAt;
    },
    release: () => collect({ type: 'major', flavor: 'last-resort' }),
  };
}
