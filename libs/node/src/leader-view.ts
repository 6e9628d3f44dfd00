import {
  DocumentError,
  LEADER_PATH,
  type LeaderDocument,
  parseLeaderDocument,
} from '@message-vault/metadata';
import { type Runtime, waitAtMost } from '@message-vault/runtime';
import { type DocumentStore, isStorageError } from '@message-vault/storage';

export interface LeaderViewOptions {
  readonly documents: DocumentStore;
  readonly runtime: Runtime;
  /** How old an answer may be, milliseconds. */
  readonly maxAgeMs: number;
}

/** The shortest time between two looks while requests wait for a leader. */
const LOOK_EVERY_MS = 20;

/**
 * Who leads, as the leader document says. Nobody polls it: it is read when somebody asks and what is known is too old,
 * and all who ask at once share one read.
 */
export class LeaderView {
  readonly #options: LeaderViewOptions;
  readonly #waiting = new Set<() => void>();
  #known: LeaderDocument | null = null;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(options: LeaderViewOptions) {
    this.#options = options;
  }

  /** The leader last heard of; good enough for a header. */
  get known(): LeaderDocument | null {
    return this.#known;
  }

  /** Looks again in the background when what is known is older than `maxAgeMs`. */
  freshen(maxAgeMs: number): void {
    if (this.#ageMs > maxAgeMs) void this.#look();
  }

  /**
   * What is known, not older than `maxAgeMs`, after at most `withinMs` spent on finding out: the storage may be silent for
   * longer than anybody waits, and then what was known before is the best there is. Null when nobody ever led.
   */
  async latest(withinMs: number, maxAgeMs = this.#options.maxAgeMs): Promise<LeaderDocument | null> {
    if (this.#ageMs <= maxAgeMs) return this.#known;
    await waitAtMost(this.#options.runtime, withinMs, this.#look());
    return this.#known;
  }

  get #ageMs(): number {
    return this.#options.runtime.monotonic() - this.#readAt;
  }

  /**
   * All who look at once share one look. Storage that does not answer is noted where its calls are watched; here, what is
   * known just stays known.
   */
  async #look(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    try {
      await this.#reading;
    } catch (error) {
      if (!isStorageError(error)) throw error;
    }
  }

  /** A news of another node: a newer epoch than the known one is believed, until storage says otherwise. */
  learn(leader: LeaderDocument): void {
    if (leader.epoch > (this.#known?.epoch ?? 0)) this.#known = leader;
    this.#tell();
  }

  /**
   * Waits, at most `withinMs`, until somebody leads that `accepts` is content with. Null when nobody came. Storage is looked
   * at again and again, and `accepts` is asked anew whenever there is news of any kind. Errors: the signal's reason.
   */
  async waitFor(
    accepts: (leader: LeaderDocument) => boolean,
    withinMs: number,
    signal?: AbortSignal,
  ): Promise<LeaderDocument | null> {
    const { runtime } = this.#options;
    const deadline = runtime.monotonic() + withinMs;
    const leftMs = (): number => Math.max(0, deadline - runtime.monotonic());
    for (let pauseMs = 25; ; pauseMs = Math.min(200, pauseMs * 1.5)) {
      if (this.#known !== null && accepts(this.#known)) return this.#known;
      if (leftMs() === 0) return null;
      const news = await this.#news(Math.min(pauseMs, leftMs()), signal);
      // Many wait at once: one look serves them all.
      if (!news) await this.latest(leftMs(), LOOK_EVERY_MS);
    }
  }

  /** Waits for news. False when none came within `withinMs`. */
  async #news(withinMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    signal?.throwIfAborted();
    const heard = Promise.withResolvers<boolean>();
    const timer = this.#options.runtime.setTimer(withinMs, () => heard.resolve(false));
    const tell = (): void => heard.resolve(true);
    const leave = (): void => heard.reject(signal?.reason);
    this.#waiting.add(tell);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      return await heard.promise;
    } finally {
      timer.cancel();
      this.#waiting.delete(tell);
      signal?.removeEventListener('abort', leave);
    }
  }

  #tell(): void {
    for (const tell of this.#waiting) tell();
  }

  async #read(): Promise<void> {
    const { documents, runtime } = this.#options;
    const before = this.#known?.epoch;
    const stored = await documents.get(LEADER_PATH);
    this.#known = stored === undefined ? null : (readable(stored.body) ?? this.#known);
    this.#readAt = runtime.monotonic();
    if (this.#known?.epoch !== before) this.#tell();
  }
}

/** The nodes that elect raise an alarm for a document that can't be read; here nothing is learned from it. */
function readable(body: Uint8Array): LeaderDocument | undefined {
  try {
    return parseLeaderDocument(body);
  } catch (error) {
    if (error instanceof DocumentError) return undefined;
    throw error;
  }
}
