import { LEADER_PATH, type LeaderDocument, parseLeaderDocument } from '@message-vault/metadata';
import { type Runtime, sleep } from '@message-vault/runtime';
import type { DocumentStore } from '@message-vault/storage';

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
  #known: LeaderDocument | null = null;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<LeaderDocument | null> | undefined;

  constructor(options: LeaderViewOptions) {
    this.#options = options;
  }

  /** The leader last heard of; good enough for a header. */
  get known(): LeaderDocument | null {
    return this.#known;
  }

  /** Not older than `maxAgeMs`. Null when nobody ever led. Errors: StorageError `unavailable`. */
  async current(): Promise<LeaderDocument | null> {
    const age = this.#options.runtime.monotonic() - this.#readAt;
    return age <= this.#options.maxAgeMs ? this.#known : this.refresh();
  }

  refresh(): Promise<LeaderDocument | null> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** A news of another node: a newer epoch than the known one is believed, until storage says otherwise. */
  learn(leader: LeaderDocument): void {
    if (leader.epoch > (this.#known?.epoch ?? 0)) this.#known = leader;
  }

  /**
   * Waits, at most `withinMs`, until another term than `epoch` is in force. Null when none came.
   */
  async waitForNewerThan(
    epoch: number,
    withinMs: number,
    signal?: AbortSignal,
  ): Promise<LeaderDocument | null> {
    const { runtime } = this.#options;
    const deadline = runtime.monotonic() + withinMs;
    for (let pauseMs = 25; ; pauseMs = Math.min(200, pauseMs * 1.5)) {
      if ((this.#known?.epoch ?? 0) > epoch) return this.#known;
      const leftMs = deadline - runtime.monotonic();
      if (leftMs <= 0) return null;
      await sleep(runtime, Math.min(pauseMs, leftMs), signal);
      // Many wait at once: one look serves them all.
      if (runtime.monotonic() - this.#readAt >= LOOK_EVERY_MS) await this.refresh();
    }
  }

  async #read(): Promise<LeaderDocument | null> {
    const { documents, runtime } = this.#options;
    const stored = await documents.get(LEADER_PATH);
    this.#known = stored === undefined ? null : parseLeaderDocument(stored.body);
    this.#readAt = runtime.monotonic();
    return this.#known;
  }
}
