import { entryOfLock } from '@message-vault/bus';
import { hashOf, type Settlement } from '@message-vault/checkers';
import type { NetResponse } from '../network/exchange.ts';
import { nameIn } from '../workload/messages.ts';
import type { SimProcess } from '../world/process.ts';
import { type Answer, ask, membersOf } from './ask.ts';
import { type BusSurroundings, Program, pause } from './program.ts';
import type { QueueConsumerSetup } from './setup.ts';

const WAIT_SECONDS = 2;
const RETRY_MS = 150;
const SETTLE_TRIES = 4;

interface Held {
  readonly lock: string;
  /** Virtual milliseconds. */
  until: number;
  /** A renewal was not answered: it may be for longer. */
  inDoubt: boolean;
}

/** How late an acknowledgement may be and still be taken: the clocks of machines are not quite the same. */
export interface Clocks {
  readonly areRight: boolean;
  readonly drift: number;
}

/** A program that takes messages from a queue through any node, and does with them what consumers do. */
export class QueueConsumer extends Program {
  readonly #setup: QueueConsumerSetup;
  readonly #clocks: Clocks;
  #busy = false;
  taken = 0;

  constructor(setup: QueueConsumerSetup, around: BusSurroundings, clocks: Clocks) {
    super(setup.name, around);
    this.#setup = setup;
    this.#clocks = clocks;
  }

  /** It holds nothing and asks for nothing. */
  get isIdle(): boolean {
    return this.stopping && !this.#busy;
  }

  protected begin(process: SimProcess): void {
    this.#busy = true;
    void this.#run(process);
  }

  async #run(process: SimProcess): Promise<void> {
    while (!this.stopping) {
      const path = `/${this.#setup.queue}/-/head?timeout=${WAIT_SECONDS}`;
      const answer = await this.#ask(process, { method: 'POST', path });
      if (answer.status === 201 && 'headers' in answer) await this.#given(process, answer);
      else if (answer.status !== 204) await pause(process, RETRY_MS);
    }
    this.#busy = false;
  }

  async #given(process: SimProcess, answer: NetResponse): Promise<void> {
    const held = this.#locked(answer);
    if (held === undefined) return;
    const { world } = this.around;
    const { forget, dawdle, renew, giveBack, bury, mostWorkMs } = this.#setup;
    const isFaulty = world.nowMs < world.calmAtMs;
    if (isFaulty && this.random.chance(forget)) return;
    await pause(process, mostWorkMs * this.random.next());
    if (this.random.chance(renew)) await this.#renew(process, held);
    if (isFaulty && this.random.chance(dawdle))
      await pause(process, held.until - world.nowMs + 100 + 2000 * this.random.next());
    if (isFaulty && this.random.chance(giveBack)) await this.#settle(process, held, 'given-back');
    else if (isFaulty && this.random.chance(bury)) await this.#settle(process, held, 'dead-lettered');
    else await this.#settle(process, held, 'acknowledged');
  }

  #locked({ headers, body }: NetResponse): Held | undefined {
    const { world, history } = this.around;
    const named = nameIn(body);
    if (named === undefined) {
      world.broken('corrupt', `${this.name} was given what nobody published`);
      return undefined;
    }
    const lock = headers['lock-id'] ?? '';
    const until = Number(headers['locked-until']);
    this.taken += 1;
    world.note(this.name, `has ${named.producer} #${named.sequence} until ${Math.round(until)}`);
    history.add({
      kind: 'locked',
      queue: this.#setup.queue,
      consumer: this.name,
      lock,
      copy: entryOfLock(lock) ?? lock,
      ...named,
      hash: hashOf(body),
      delivery: Number(headers.delivery),
      redrives: Number(headers.redrives),
      until,
    });
    return { lock, until, inDoubt: false };
  }

  async #renew(process: SimProcess, held: Held): Promise<void> {
    const answer = await this.#ask(process, { method: 'POST', path: this.#pathOf(held) });
    if (answer.status !== 200) {
      held.inDoubt ||= answer.status !== 410 && answer.status !== 'not sent';
      return;
    }
    // Where the request is let in twice, the lock is renewed twice, and nobody tells of the second time.
    held.inDoubt ||= answer.repeated === true;
    held.until = Math.max(held.until, Number(membersOf(answer).until));
    this.around.history.add({ kind: 'renewed', lock: held.lock, until: held.until });
  }

  /** Asked again while nobody knows what came of it. */
  async #settle(process: SimProcess, held: Held, how: Settlement): Promise<void> {
    const { world, history } = this.around;
    const { lock } = held;
    history.add({ kind: 'settling', lock, how });
    let isKnown = true;
    for (let tries = 1; tries <= SETTLE_TRIES; tries += 1) {
      const sentMs = world.nowMs;
      const answer = await this.#ask(process, { method: METHODS[how], path: this.#pathOf(held, how) });
      world.note(this.name, `${how}: ${answer.status}`);
      if (answer.status === 200) {
        history.add({ kind: 'settled', lock, how });
        this.#judgeTime(held, sentMs, how);
        return;
      }
      if (answer.status === 410) {
        // Refused within its time, it may be that the storage was told twice and had done it the first time.
        if (isKnown && sentMs >= held.until) history.add({ kind: 'lock-lost', lock });
        return;
      }
      if (answer.status !== 'not sent') isKnown = false;
      await pause(process, RETRY_MS);
    }
  }

  #judgeTime({ until, inDoubt }: Held, sentMs: number, how: Settlement): void {
    const { areRight, drift } = this.#clocks;
    const lateMs = sentMs - until;
    if (!areRight || inDoubt || lateMs < 10 + drift * sentMs) return;
    this.around.world.broken(
      'lock-deadline',
      `${this.name} was told that a message is ${how}, which it said ${Math.round(lateMs)} ms after its lock was over`,
    );
  }

  #pathOf({ lock }: Held, how?: Settlement): string {
    return `/${this.#setup.queue}/-/locks/${lock}${how === 'dead-lettered' ? '/dead-letter' : ''}`;
  }

  #ask(process: SimProcess, request: { method: string; path: string }): Promise<Answer> {
    const { network, urls } = this.around;
    return ask(network, process, this.random.pick(urls), request);
  }
}

const METHODS: Readonly<Record<Settlement, string>> = {
  acknowledged: 'DELETE',
  'given-back': 'PUT',
  'dead-lettered': 'POST',
};
