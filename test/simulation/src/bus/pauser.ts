import type { SimProcess } from '../world/process.ts';
import { type Answer, ask, membersOf } from './ask.ts';
import { type BusSurroundings, Program, pause } from './program.ts';
import type { PausedSetup, PausesSetup } from './setup.ts';
import { webhookOf } from './sink.ts';

type State = 'active' | 'paused';

interface Seen {
  readonly id: string;
  readonly state: string;
}

const RETRY_MS = 200;
/** How often somebody else asks for the same at that moment: a share. */
const TWICE = 0.3;
/** Longer than anybody waits for an answer: what was asked for before the calm has come to something. */
const SETTLED_AFTER_MS = 6000;

/** An operator who pauses subscriptions and resumes them, and has all of them active when the faults are over. */
export class Pauser extends Program {
  readonly #setup: PausesSetup;
  /** Targets of which a request to resume may still come: nobody can say for certain that they are paused. */
  readonly #doubtful = new Set<string>();
  done = 0;
  /** Every subscription is active, and stays so. */
  isDone = false;

  constructor(setup: PausesSetup, around: BusSurroundings) {
    super('pauser', around);
    this.#setup = setup;
  }

  protected begin(process: SimProcess): void {
    void this.#run(process);
  }

  async #run(process: SimProcess): Promise<void> {
    const { everyMs, share, targets } = this.#setup;
    const { world } = this.around;
    while (world.nowMs < world.calmAtMs) {
      await pause(process, 2 * everyMs * this.random.next());
      const to = this.random.chance(share) ? 'paused' : 'active';
      await this.#set(process, this.random.pick(targets), to);
    }
    while (!this.isDone) {
      // What was asked for and not answered may have come after what was.
      const isLast = world.nowMs > world.calmAtMs + SETTLED_AFTER_MS;
      let allActive = true;
      for (const target of targets) {
        const isActive = await this.#set(process, target, 'active');
        allActive &&= isActive;
      }
      this.isDone = isLast && allActive;
      await pause(process, RETRY_MS);
    }
  }

  /** False when nobody has said that it is so. */
  async #set(process: SimProcess, of: PausedSetup, state: State): Promise<boolean> {
    const { world, history } = this.around;
    const { router, target } = of;
    const seen = await this.#find(process, of);
    // It has expired, or nobody knows.
    if (seen === undefined || seen === 'none') return seen === 'none';
    if (state === 'active') history.add({ kind: 'resumes', router, target });
    const path = `/${router}/-/subscriptions/${seen.id}`;
    const tries = Array.from({ length: this.random.chance(TWICE) ? 2 : 1 }, () =>
      this.#ask(process, { method: 'PUT', path, json: { state } }),
    );
    // The first answer counts as much as the last one.
    const { status } = await Promise.race(tries);
    if (state === 'active') await this.#resumed(of, tries);
    world.note(this.name, `${target} of ${router}, which was ${seen.state}, ${state}: ${status}`);
    if (status !== 200) return false;
    this.done += 1;
    if (state === 'paused' && !this.#doubtful.has(target)) history.add({ kind: 'paused', router, target });
    return true;
  }

  async #resumed({ target }: PausedSetup, tries: readonly Promise<Answer>[]): Promise<void> {
    const answers = await Promise.all(tries);
    const isOver = answers.every(({ status }) => status === 200);
    if (this.#setup.copies || !isOver) this.#doubtful.add(target);
  }

  async #find(process: SimProcess, { router, target }: PausedSetup): Promise<Seen | 'none' | undefined> {
    const answer = await this.#ask(process, { method: 'GET', path: `/${router}/-/subscriptions` });
    if (answer.status !== 200) return undefined;
    const { subscriptions } = membersOf(answer);
    const found = (Array.isArray(subscriptions) ? subscriptions : []).find(
      ({ target: { name, webhook } }) => name === target || webhook === webhookOf(target),
    );
    return found === undefined ? 'none' : { id: String(found.id), state: String(found.state) };
  }

  #ask(process: SimProcess, request: { method: string; path: string; json?: unknown }): Promise<Answer> {
    const { network, urls } = this.around;
    return ask(network, process, this.random.pick(urls), request);
  }
}
