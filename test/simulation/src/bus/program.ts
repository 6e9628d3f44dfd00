import type { SeededRandom } from '@message-vault/runtime/testing';
import type { Network } from '../network/network.ts';
import type { History } from '../workload/history.ts';
import { Host, SimProcess } from '../world/process.ts';
import type { World } from '../world/world.ts';

/** What those at the ends of a composition have in common. */
export interface BusSurroundings {
  readonly world: World;
  readonly network: Network;
  readonly history: History;
  /** Base URLs of all nodes. */
  readonly urls: readonly string[];
}

/** Something that runs on a host of its own, is killed and started again. */
export abstract class Program {
  readonly name: string;
  protected readonly around: BusSurroundings;
  protected readonly random: SeededRandom;
  protected stopping = false;
  readonly #host: Host;
  #process: SimProcess | undefined;

  constructor(name: string, around: BusSurroundings) {
    this.name = name;
    this.around = around;
    this.random = around.world.chance(`program ${name}`);
    this.#host = new Host(name);
  }

  get host(): string {
    return this.name;
  }

  get process(): SimProcess | undefined {
    return this.#process;
  }

  start(): void {
    if (this.#process !== undefined) return;
    const process = new SimProcess(this.around.world, this.#host);
    this.#process = process;
    this.begin(process);
  }

  kill(): void {
    this.#process?.kill();
    this.#process = undefined;
  }

  /** Begins nothing new. */
  stop(): void {
    this.stopping = true;
  }

  protected abstract begin(process: SimProcess): void;
}

export function pause(process: SimProcess, delayMs: number): Promise<void> {
  return new Promise((resolve) => process.setTimer(delayMs, resolve));
}
