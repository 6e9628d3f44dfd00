import type { Storage } from '@message-vault/storage';

/** What a call does, and so what losing its answer means; as the ports have it. */
export type Effect = 'read' | 'write' | 'repeatable';

/** One call on its way to the storage. */
export interface StorageCall<Answer = unknown> {
  /** Name of the port's method, `writePages` for one. */
  readonly operation: string;
  readonly effect: Effect;
  /** What it is about, for the trace. */
  readonly about: string;
  /** Makes it, as often as it arrives. */
  apply(storage: Storage): Promise<Answer>;
  /** For a write of several pages: the same, bit by bit. */
  readonly pages?: PagedWrite<Answer> | undefined;
}

/** A Put Page (or the clearing of pages) of which some may take effect without the others. */
export interface PagedWrite<Answer> {
  readonly count: number;
  /** Writes those pages whose places are in `places`. */
  applySome(storage: Storage, places: readonly number[]): Promise<void>;
  /** Writes `places` now and all of it after `between`. */
  applyInParts(storage: Storage, places: readonly number[], between: () => Promise<void>): Promise<Answer>;
}

/** What happens to one call besides taking its time. */
export type Fate =
  | { readonly kind: 'none' }
  | { readonly kind: 'refuse' }
  | { readonly kind: 'throttle'; readonly retryAfterMs: number }
  | { readonly kind: 'loseRequest' }
  | { readonly kind: 'loseAnswer' }
  /** The sender hears at once that the connection broke. */
  | { readonly kind: 'late'; readonly afterMs: number }
  | { readonly kind: 'again'; readonly afterMs: number }
  | { readonly kind: 'echo' }
  | { readonly kind: 'tear'; readonly places: readonly number[] }
  | { readonly kind: 'inParts'; readonly places: readonly number[]; readonly betweenMs: number };
