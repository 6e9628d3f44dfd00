import type { Runtime } from '@message-vault/runtime';
import type { StorageErrorCode } from '../errors.ts';

/**
 * What a call does to the storage, and with that, what losing its answer means: `outcome_unknown` for a write that must
 * be sent once, `unavailable` for a read and for a call that may be repeated at will.
 */
export type CallEffect = 'read' | 'write' | 'repeatable';

/** One call about to be made, as a plan of faults sees it. */
export interface StorageCall {
  /** Name of the port's method, for example `pages.writePages`. */
  readonly operation: string;
  readonly effect: CallEffect;
  /** How many calls came before it through this wrapper. */
  readonly index: number;
  /** The container, queue, lease, document path or listing prefix it is about. */
  readonly target: string;
  /** The segment, where the call has one. */
  readonly segment?: string | undefined;
}

export type Fault =
  /** Fails with `code` and does nothing, as a storage that answers 503, 412 or 500 would. */
  | { readonly kind: 'refuse'; readonly code: StorageErrorCode; readonly retryAfterMs?: number }
  /** Does it, and loses the answer. */
  | { readonly kind: 'lose_answer' }
  /** Loses the answer now, and does it `afterMs` later: a request that was still on its way when the caller gave up. */
  | { readonly kind: 'land_later'; readonly afterMs: number }
  /** Does it and answers; `afterMs` later the same request arrives a second time. */
  | { readonly kind: 'repeat'; readonly afterMs: number }
  /** Waits before it reaches the storage, and before the answer comes back. */
  | { readonly kind: 'delay'; readonly beforeMs?: number; readonly afterMs?: number }
  /** Gives no answer until the caller aborts; `applied` says whether the storage got it all the same. */
  | { readonly kind: 'hang'; readonly applied: boolean }
  /** `pages.writePages` only: the first `pages` pages land, and the answer is lost. Other calls just lose the answer. */
  | { readonly kind: 'tear'; readonly pages: number };

/** Decides over each call; undefined lets it through untouched. */
export type FaultPlan = (call: StorageCall) => Fault | undefined;

/** For each kind of fault its probability, 0 to 1, per call; their sum is at most 1. Times are uniform up to `maxMs`. */
export interface FaultRates {
  readonly refuse?: number;
  readonly throttle?: number;
  readonly loseAnswer?: number;
  readonly landLater?: number;
  readonly repeat?: number;
  readonly delay?: number;
  readonly hang?: number;
  /** Longest delay, in milliseconds. Default 1000. */
  readonly maxMs?: number;
}

/** A plan that draws faults from the randomness of `runtime`: the same seed gives the same faults. */
export function randomFaults(runtime: Runtime, rates: FaultRates): FaultPlan {
  const maxMs = rates.maxMs ?? 1000;
  const someTime = (): number => runtime.random() * maxMs;
  const table: readonly (readonly [rate: number | undefined, make: (call: StorageCall) => Fault])[] = [
    [rates.refuse, ({ effect }) => ({ kind: 'refuse', code: lostCode(effect) })],
    [rates.throttle, () => ({ kind: 'refuse', code: 'throttled', retryAfterMs: someTime() })],
    [rates.loseAnswer, () => ({ kind: 'lose_answer' })],
    [rates.landLater, () => ({ kind: 'land_later', afterMs: someTime() })],
    [rates.repeat, () => ({ kind: 'repeat', afterMs: someTime() })],
    [rates.delay, () => ({ kind: 'delay', beforeMs: someTime(), afterMs: someTime() })],
    [rates.hang, () => ({ kind: 'hang', applied: runtime.random() < 0.5 })],
  ];
  return (call) => {
    let draw = runtime.random();
    for (const [rate = 0, make] of table) {
      if (draw < rate) return make(call);
      draw -= rate;
    }
    return undefined;
  };
}

/** The code a call fails with whose answer never came. */
export function lostCode(effect: CallEffect): StorageErrorCode {
  return effect === 'write' ? 'outcome_unknown' : 'unavailable';
}
