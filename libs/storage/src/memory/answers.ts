import { StorageError } from '../errors.ts';
import type { CallOptions } from '../ports.ts';

// Whatever a call does is done at once, in the order of calling; only the answer comes later, as a promise. So two
// calls never interleave, and a run is the same every time.

/** Answers a read or a call that may be repeated at will; aborted before it began, it is `unavailable`. */
export async function answerRepeatable<T>(options: CallOptions | undefined, act: () => T): Promise<T> {
  if (options?.signal?.aborted) {
    throw new StorageError('unavailable', 'the call was aborted', { cause: options.signal.reason });
  }
  return act();
}

/** Answers a write; aborted before it began, its outcome is unknown to the caller, as with any backend. */
export async function answerWrite<T>(options: CallOptions | undefined, write: () => T): Promise<T> {
  if (options?.signal?.aborted) {
    throw new StorageError('outcome_unknown', 'the write was aborted', { cause: options.signal.reason });
  }
  return write();
}
