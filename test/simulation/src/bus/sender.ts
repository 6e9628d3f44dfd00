import { makeMessage } from '../workload/messages.ts';
import type { SimProcess } from '../world/process.ts';
import { type Answer, ask, membersOf } from './ask.ts';
import { type BusSurroundings, Program, pause } from './program.ts';
import type { SenderSetup } from './setup.ts';

/** Statuses that say that nothing was taken. */
const REFUSED = new Set<Answer['status']>([413, 429, 'not sent']);

/** A program that puts messages into a queue through any node, some of them for a while only, and none of them again. */
export class Sender extends Program {
  readonly #setup: SenderSetup;
  #sequence = 0;
  /** From which number on it does not know yet what came of them. */
  #open: { first: number; count: number } | undefined;

  constructor(setup: SenderSetup, around: BusSurroundings) {
    super(setup.name, around);
    this.#setup = setup;
  }

  override kill(): void {
    super.kill();
    if (this.#open !== undefined) this.#ended(this.#open, 'unknown', 'killed');
    this.#open = undefined;
  }

  protected begin(process: SimProcess): void {
    void this.#run(process);
  }

  async #run(process: SimProcess): Promise<void> {
    const { pauseMs, mostMessages, ttlsMs } = this.#setup;
    for (;;) {
      await pause(process, 2 * pauseMs * this.random.next());
      if (this.stopping) return;
      await this.#send(process, 1 + this.random.below(mostMessages), this.random.pick(ttlsMs) || undefined);
    }
  }

  async #send(process: SimProcess, count: number, ttlMs: number | undefined): Promise<void> {
    const { network, urls } = this.around;
    const first = this.#sequence;
    this.#sequence += count;
    const values = Array.from({ length: count }, (_, index) => this.#begin(first + index, ttlMs));
    this.#open = { first, count };
    const path = `/${this.#setup.queue}/-/enqueue`;
    const json = { values, ttlMs };
    const answer = await ask(network, process, this.random.pick(urls), { method: 'POST', path, json });
    this.#open = undefined;
    this.#answered({ first, count }, answer);
  }

  #begin(sequence: number, ttlMs: number | undefined): string {
    const named = { producer: this.name, sequence };
    const { queue: stream, large } = this.#setup;
    const { message, hash } = makeMessage(this.random, named, { isLabelled: false, large });
    this.around.history.add({ kind: 'start', stream, ...named, hash, ...(ttlMs !== undefined && { ttlMs }) });
    return String(message.value);
  }

  #answered({ first, count }: { first: number; count: number }, answer: Answer): void {
    const { status } = answer;
    this.around.world.note(this.name, `#${first}+${count}: ${status}`);
    const { taken, enqueued, unknown } = membersOf(answer);
    if (status === 202 || status === 409) {
      const most = Number(taken);
      this.#ended({ first, count: most }, 'accepted', '');
      this.#ended({ first: first + most, count: count - most }, 'fail', 'discarded');
    } else if (REFUSED.has(status) || (enqueued === 0 && unknown === 0))
      this.#ended({ first, count }, 'fail', String(status));
    else this.#ended({ first, count }, 'unknown', String(status));
  }

  #ended(
    { first, count }: { first: number; count: number },
    kind: 'accepted' | 'fail' | 'unknown',
    code: string,
  ): void {
    const { queue: stream } = this.#setup;
    for (let sequence = first; sequence < first + count; sequence += 1) {
      const message = { stream, producer: this.name, sequence };
      if (kind === 'accepted') this.around.history.add({ kind, ...message });
      else this.around.history.add({ kind, ...message, code });
    }
  }
}
