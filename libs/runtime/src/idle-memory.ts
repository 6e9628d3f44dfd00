import { performance } from 'node:perf_hooks';
import { exposedCollector, markBitByBit } from './collector.ts';

/** How often it is looked whether there is nothing to do. V8 begins to give back eight seconds after a collection. */
const LOOK_EVERY_MS = 10_000;
/** Lease renewals and probes of others take some hundredths of a node's time; more than this is work. */
const IDLE_SHARE = 0.05;
/** What must have come since the last time to be worth a collection. */
const WORTH_BYTES = 16 * 1024 * 1024;
/** How many looks later V8 has given back what it will. */
const LOOKS_UNTIL_GIVEN_BACK = 2;

/** What `IdleMemory` sees and does; its own process, except in tests. */
export interface ProcessMemory {
  /** Share of the time since the last call in which there was something to do, 0 to 1. */
  busyShare(): number;
  residentBytes(): number;
  /** From here on what is not needed is given back to the machine, bit by bit and for some seconds, */
  beginRelease(): void;
  /** until here. */
  endRelease(): void;
}

/** Decides when memory is worth giving back: when there is nothing to do, and enough has come since the last time. */
export class IdleMemory {
  readonly #memory: ProcessMemory;
  /** The least that was resident since the last release ended; 0 when another one may be worth it at once. */
  #keptBytes = 0;
  #release: { fromBytes: number; looksLeft: number } | undefined;

  constructor(memory: ProcessMemory) {
    this.#memory = memory;
  }

  look(): void {
    const idle = this.#memory.busyShare() <= IDLE_SHARE;
    if (this.#release !== undefined) this.#goOn(this.#release, idle);
    else if (idle) this.#beginIfWorth();
  }

  #beginIfWorth(): void {
    const resident = this.#memory.residentBytes();
    this.#keptBytes = Math.min(this.#keptBytes, resident);
    if (resident - this.#keptBytes < WORTH_BYTES) return;
    this.#release = { fromBytes: resident, looksLeft: LOOKS_UNTIL_GIVEN_BACK };
    this.#memory.beginRelease();
  }

  #goOn(release: { fromBytes: number; looksLeft: number }, idle: boolean): void {
    release.looksLeft -= 1;
    if (idle && release.looksLeft > 0) return;
    this.#release = undefined;
    this.#memory.endRelease();
    const left = this.#memory.residentBytes();
    // The first collections after much work leave pages half empty; a release that gave little back will not give more.
    this.#keptBytes = idle && release.fromBytes - left < WORTH_BYTES ? left : 0;
  }
}

/**
 * Gives memory back to the machine some twenty seconds after the work is done; for the main program of a process only,
 * and one that has called `tuneCollectorForBuffers`.
 *
 * V8 collects garbage when memory is asked for. A process that has nothing more to do asks for none, and would keep what
 * its work has left behind for as long as it idles. V8 itself gives back what an idle process does not need, in small steps,
 * but begins only after a collection of the whole heap, and only while it may mark bit by bit: so it gets the one, and
 * for a while the other. No pause is longer than the collections V8 makes under load (docs/adr/0026 has the reasons).
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
    beginRelease() {
      markBitByBit(true);
      collect('major');
    },
    endRelease: () => markBitByBit(false),
  };
}
