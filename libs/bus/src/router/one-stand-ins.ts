import { backOffMs } from './back-off.ts';
import type { Move, OneState } from './cursors-document.ts';
import type { DistributionHost } from './distribution.ts';
import type { OneChoice } from './one-choice.ts';
import type { OneMember } from './one-member.ts';
import type { Candidate } from './one-plan.ts';
import { isQueue } from './one-reach.ts';
import type { Entry } from './window.ts';

export interface StandInsOptions {
  readonly host: Pick<DistributionHost, 'maxAttempts' | 'ports' | 'subscription'>;
  readonly one: OneState;
  readonly choice: OneChoice;
  member(id: string): Pick<OneMember, 'moves'> | undefined;
  /** Resolves when what was written down is saved. */
  saved(): Promise<void>;
  /** Somebody else gets what this member could not take. */
  stoodInFor(member: string): void;
}

/** Finds others for messages whose member could not take them, and hands those over once that is saved. */
export class StandIns {
  readonly #options: StandInsOptions;
  /** Moves an earlier leader may have made. */
  readonly #doubtful = new WeakSet<Move>();
  #stopped = false;

  constructor(options: StandInsOptions) {
    this.#options = options;
    const { members, moves } = options.one;
    for (const move of moves) if (members[move.to]?.kind === 'push') this.#doubtful.add(move);
  }

  isDoubtful(move: Move): boolean {
    return this.#doubtful.has(move);
  }

  /** A member could not take one of its own messages: another gets it, as soon as that is saved. */
  takeOver(id: string, share: string, { attempts, message, doubtful }: Entry): boolean {
    const { host, choice } = this.#options;
    if (doubtful || isQueue(host.subscription(id))) return false;
    if (attempts >= host.maxAttempts() || this.#stopped || message === undefined) return false;
    const move = choice.move(message, { share, not: id, attempts });
    if (move === undefined) return false;
    this.#startWhenSaved(move);
    this.#options.stoodInFor(id);
    return true;
  }

  /** Nor one that was moved to it. */
  moveOn(id: string, move: Move, message: Candidate): boolean {
    const { host, choice } = this.#options;
    if (move.attempts >= host.maxAttempts() || this.#stopped) return false;
    if (this.#doubtful.has(move) || isQueue(host.subscription(id))) return false;
    if (!choice.redirect(message, move, id)) return false;
    this.#startWhenSaved(move);
    this.#options.stoodInFor(id);
    return true;
  }

  /** Gives moves to whom they go to: they are saved. */
  start(moves: readonly Move[]): void {
    for (const move of moves) this.#give(move, move.to);
  }

  stop(): void {
    this.#stopped = true;
  }

  #startWhenSaved(move: Move): void {
    const { to } = move;
    void this.#options.saved().then(
      () => this.#give(move, to),
      () => {},
    );
  }

  #give(move: Move, to: string): void {
    // One that was redirected meanwhile is started by whoever did that, when it is saved.
    if (move.done || move.to !== to) return;
    const { host, member } = this.#options;
    const pause = move.attempts > 1 ? backOffMs(move.attempts, host.ports.runtime.random()) : 0;
    member(to)?.moves.add(move, pause);
  }
}
