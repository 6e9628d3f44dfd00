import { Buffer } from 'node:buffer';
import { PAGE_BYTES } from '@message-vault/framing';
import { invariant } from '@message-vault/runtime';
import { type ETag, isStorageError, type SegmentRef } from '@message-vault/storage';
import { type Calls, timedRead, timedWrite } from './calls.ts';
import { isNewest } from './newest.ts';

/** What one try to put a commit in its place came to. */
export type TryResult =
  /** It is there, and `etag` is the segment's version with it. */
  | { readonly status: 'stored'; readonly etag: ETag }
  /** Not yet known to be there; the same bytes are to be tried again. */
  | { readonly status: 'again'; readonly retryAfterMs: number }
  /** It will never get there: someone else's bytes or epoch are in the way. */
  | { readonly status: 'lost'; readonly reason: string }
  /** It will never get there: the segment does not exist any more. */
  | { readonly status: 'gone'; readonly reason: string };

export interface PlacementOptions {
  readonly calls: Calls;
  readonly ref: SegmentRef;
  /** Byte in the segment. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly epoch: number;
  /** The segment's version after the last change known to be ours. */
  readonly etag: ETag;
}

/** How often the segment's version may have changed with nothing at our place before that counts as someone else's doing. */
const MAX_SURPRISES = 8;

/**
 * One commit on its way to its one place, under both conditions, tried until it is known to be there or known never to be.
 *
 * Whatever is tried is the same bytes at the same place, so however many tries are still under way, at most one of them
 * lands: the first changes the version, and with it the condition of all others fails.
 */
export class Placement {
  /** False as long as every try so far was certainly not applied: then the commit may still be dropped. */
  inDoubt = false;
  readonly #options: PlacementOptions;
  #etag: ETag;
  #mustLook = false;
  #surprises = 0;

  constructor(options: PlacementOptions) {
    this.#options = options;
    this.#etag = options.etag;
  }

  async tryOnce(): Promise<TryResult> {
    try {
      if (this.#mustLook) {
        const found = await this.#look();
        if (found !== undefined) return found;
      }
      return await this.#write();
    } catch (error) {
      // Only looking gets here: what it found out is nothing, so it is looked again.
      if (isStorageError(error, 'not_found')) return { status: 'gone', reason: error.message };
      if (isStorageError(error, 'unavailable', 'throttled', 'unauthorized')) return again(error.retryAfterMs);
      throw error;
    }
  }

  async #write(): Promise<TryResult> {
    const { calls, ref, offset, bytes, epoch } = this.#options;
    const conditions = { epoch, etag: this.#etag };
    try {
      const written = await timedWrite(calls, (options) =>
        calls.pages.writePages(ref, offset, bytes, conditions, options),
      );
      invariant(written.etag !== this.#etag, 'a write must change the version of its segment');
      return { status: 'stored', etag: written.etag };
    } catch (error) {
      return this.#afterFailure(error);
    }
  }

  #afterFailure(error: unknown): TryResult {
    if (isStorageError(error, 'outcome_unknown')) {
      this.inDoubt = true;
      this.#mustLook = true;
      return again(error.retryAfterMs);
    }
    if (isStorageError(error, 'etag_mismatch')) return this.#afterMismatch(error.message);
    // The storage says this try was not applied; that no copy of it was, nobody can say.
    if (isStorageError(error, 'epoch_fenced')) {
      this.inDoubt = true;
      return { status: 'lost', reason: `a newer leader has fenced the segment: ${error.message}` };
    }
    if (isStorageError(error, 'not_found')) return { status: 'gone', reason: error.message };
    if (isStorageError(error, 'throttled', 'unavailable', 'unauthorized')) return again(error.retryAfterMs);
    throw error;
  }

  /** An earlier try of ours may have landed, or a late fence of ours; only looking tells them from another writer. */
  #afterMismatch(message: string): TryResult {
    this.inDoubt = true;
    this.#mustLook = true;
    this.#surprises += 1;
    if (this.#surprises <= MAX_SURPRISES) return again(undefined);
    return { status: 'lost', reason: `the segment keeps changing under its writer: ${message}` };
  }

  /**
   * Reads the place back. The answer's bytes and version belong together, so when nothing (or nothing but pages of ours,
   * torn) is there at that version, writing under the condition of that version can't touch anything of anyone else.
   * A version that is new to us may be that of a segment made again after retention had deleted ours, though.
   */
  async #look(): Promise<TryResult | undefined> {
    const { calls, ref, offset, bytes } = this.#options;
    const range = { offset, length: bytes.length };
    const answer = await timedRead(calls, (options) => calls.pages.readRange(ref, range, options));
    invariant(answer.status === 'read', 'a read without a condition is always answered with bytes');
    if (Buffer.compare(answer.bytes, bytes) === 0) return { status: 'stored', etag: answer.etag };
    if (!isFreeFor(answer.bytes, bytes)) {
      return {
        status: 'lost',
        reason: `other bytes than ours stand at byte ${offset} of segment ${ref.segment}`,
      };
    }
    if (answer.etag !== this.#etag && !(await isNewest(calls, ref)))
      return { status: 'lost', reason: `segment ${ref.segment} is not the newest any more` };
    this.#etag = answer.etag;
    this.#mustLook = false;
    return undefined;
  }
}

function again(retryAfterMs: number | undefined): TryResult {
  return { status: 'again', retryAfterMs: retryAfterMs ?? 0 };
}

const BLANK_PAGE = new Uint8Array(PAGE_BYTES);

/** Whether every page of `found` is blank or already what `ours` has there. */
function isFreeFor(found: Uint8Array, ours: Uint8Array): boolean {
  if (found.length !== ours.length) return false;
  for (let at = 0; at < ours.length; at += PAGE_BYTES) {
    const page = found.subarray(at, at + PAGE_BYTES);
    if (Buffer.compare(page, BLANK_PAGE) === 0) continue;
    if (Buffer.compare(page, ours.subarray(at, at + PAGE_BYTES)) !== 0) return false;
  }
  return true;
}
