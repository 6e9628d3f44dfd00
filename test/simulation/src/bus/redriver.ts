import type { SimProcess } from '../world/process.ts';
import { ask, membersOf } from './ask.ts';
import { type BusSurroundings, Program, pause } from './program.ts';

const LIMITS = [1, 3, 100] as const;

/** An operator who brings dead letters back now and then, whatever became of the last time. */
export class Redriver extends Program {
  readonly #names: readonly string[];
  readonly #everyMs: number;
  moved = 0;

  constructor(around: BusSurroundings, options: { names: readonly string[]; everyMs: number }) {
    super('redriver', around);
    this.#names = options.names;
    this.#everyMs = options.everyMs;
  }

  protected begin(process: SimProcess): void {
    void this.#run(process);
  }

  async #run(process: SimProcess): Promise<void> {
    for (;;) {
      await pause(process, 2 * this.#everyMs * this.random.next());
      if (this.stopping) return;
      for (const name of this.#names) await this.#redrive(process, name);
    }
  }

  async #redrive(process: SimProcess, name: string): Promise<void> {
    const { world, network, urls } = this.around;
    const path = `/${name}/-/redrive?limit=${this.random.pick(LIMITS)}`;
    const answer = await ask(network, process, this.random.pick(urls), { method: 'POST', path });
    const { moved } = membersOf(answer);
    if (typeof moved === 'number') this.moved += moved;
    world.note(this.name, `POST ${path}: ${answer.status}, ${moved} moved`);
  }
}
