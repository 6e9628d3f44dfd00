import { invariant } from '@message-vault/runtime';
import type { Lane } from './lane.ts';

export interface GateSettings {
  readonly concurrencyPerTarget: number;
  readonly maxConcurrent: number;
}

/** A place taken in the gate. Given back exactly once. */
export interface Place {
  readonly lane: Lane;
  /** As the lane stood when the place was taken: what it counts against. */
  readonly proven: boolean;
}

/**
 * How many pushes are under way: so many to a target, so many in all, targets taking turns. A target that has not
 * answered has one place at a time, and all those together at most half of the places, so that however many targets
 * hang, the others go on.
 */
export class Gate {
  readonly #settings: GateSettings;
  readonly #unprovenMost: number;
  #active = 0;
  #unproven = 0;
  /** Lanes in which somebody waits and that could take one more, in the order of their turns. */
  readonly #ready = { proven: new Set<Lane>(), unproven: new Set<Lane>() };

  constructor(settings: GateSettings) {
    this.#settings = settings;
    this.#unprovenMost = Math.max(1, Math.floor(settings.maxConcurrent / 2));
  }

  /** Resolves with a place; rejects with the signal's reason when it is aborted before. */
  enter(lane: Lane, signal: AbortSignal): Promise<Place> | Place {
    if (lane.waiting.size === 0 && this.#hasRoom(lane)) return this.#take(lane);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        lane.waiting.delete(letIn);
        this.#sort(lane);
        reject(signal.reason);
      };
      const letIn = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(this.#take(lane));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      lane.waiting.add(letIn);
      this.#sort(lane);
      this.#letIn();
    });
  }

  /** Gives a place back, with what is now known of the target. */
  leave({ lane, proven }: Place, answers: boolean): void {
    this.#active -= 1;
    lane.active -= 1;
    if (!proven) this.#unproven -= 1;
    invariant(this.#active >= 0 && lane.active >= 0 && this.#unproven >= 0, 'a place was given back twice');
    lane.answers = answers;
    this.#sort(lane);
    this.#letIn();
  }

  #take(lane: Lane): Place {
    this.#active += 1;
    lane.active += 1;
    if (!lane.answers) this.#unproven += 1;
    return { lane, proven: lane.answers };
  }

  #hasRoom(lane: Lane): boolean {
    if (this.#active >= this.#settings.maxConcurrent) return false;
    if (lane.answers) return lane.active < this.#settings.concurrencyPerTarget;
    return lane.active < 1 && this.#unproven < this.#unprovenMost;
  }

  /** Puts the lane into the queue it belongs to now, if to any; where it is there already, it keeps its turn. */
  #sort(lane: Lane): void {
    const limit = lane.answers ? this.#settings.concurrencyPerTarget : 1;
    const wantsMore = lane.waiting.size > 0 && lane.active < limit;
    const { proven, unproven } = this.#ready;
    if (wantsMore && lane.answers) proven.add(lane);
    else proven.delete(lane);
    if (wantsMore && !lane.answers) unproven.add(lane);
    else unproven.delete(lane);
  }

  #letIn(): void {
    for (;;) {
      const lane = this.#nextOf(this.#ready.proven) ?? this.#nextOf(this.#ready.unproven);
      if (lane === undefined) return;
      for (const letIn of lane.waiting) {
        lane.waiting.delete(letIn);
        letIn();
        break;
      }
      // Its turn is over: if it wants more, it is behind all others.
      this.#ready.proven.delete(lane);
      this.#ready.unproven.delete(lane);
      this.#sort(lane);
    }
  }

  #nextOf(lanes: ReadonlySet<Lane>): Lane | undefined {
    for (const lane of lanes) return this.#hasRoom(lane) ? lane : undefined;
    return undefined;
  }
}
