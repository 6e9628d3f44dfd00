import { type Filter, parseFilter } from '../filter/filter.ts';
import type { Move, OneState } from './cursors-document.ts';
import { addMove, type Candidate, nextMember, ownerOf, redirect, type Wants } from './one-plan.ts';

/** Asks the plan with the filters of those it is about. */
export class OneChoice {
  readonly #one: OneState;
  readonly #filters = new Map<string, Filter>();
  /** Subscribers look at the same messages: who has one is found out once. */
  readonly #owners = new WeakMap<object, string>();

  constructor(one: OneState) {
    this.#one = one;
  }

  /** The share a message is first for. */
  owner(message: Candidate): string | undefined {
    const known = this.#owners.get(message);
    if (known !== undefined) return known;
    const owner = ownerOf(this.#one, message, this.#wants);
    if (owner !== undefined) this.#owners.set(message, owner);
    return owner;
  }

  /** Writes down who gets the message instead; undefined when there is nobody. To be saved before it is done. */
  move(
    message: Candidate,
    { share, not, attempts }: { share: string; not: string | undefined; attempts: number },
  ): Move | undefined {
    const to = nextMember(this.#one, message, { wants: this.#wants, not, attempts });
    return to === undefined ? undefined : addMove(this.#one, message, { share, to, attempts });
  }

  /** As `move`, for a message that was moved before: false when there is nobody. */
  redirect(message: Candidate, move: Move, not: string | undefined): boolean {
    const { attempts } = move;
    const to = nextMember(this.#one, message, { wants: this.#wants, not, attempts });
    if (to !== undefined) redirect(this.#one, move, to);
    return to !== undefined;
  }

  readonly #wants: Wants = ({ filter: text }, message) => {
    if (text === undefined) return true;
    const known = this.#filters.get(text);
    const filter = known ?? parseFilter(text);
    if (known === undefined) this.#filters.set(text, filter);
    return filter.matches(message);
  };
}
