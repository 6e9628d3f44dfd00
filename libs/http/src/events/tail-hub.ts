import type { StreamReader } from '@message-vault/log';
import { endOfCommit, messageEvent, renderSlices, type Slice } from '../read/render.ts';

/** Somebody at the tail. */
export interface TailFollower {
  /** The offset of the first message it has not been given. */
  readonly position: number;
  /** Takes a slice; false when it can't, and has to catch up by itself. */
  offer(slice: Slice): boolean;
}

/** Followers served before others get their turn. */
const TURN = 200;

/**
 * Reads and renders what is new in a stream once, for all event streams that have come to its tail. It waits for none
 * of them: who can't take a slice at once leaves, reads on by itself and comes back.
 */
export class TailHub {
  readonly #reader: StreamReader;
  readonly #followers = new Map<TailFollower, PromiseWithResolvers<void>>();
  readonly #stop = new AbortController();
  readonly #onEnd: () => void;
  #position: number | undefined;

  /** `onEnd` is called once, when the hub has ended and needs its reader no more. */
  constructor(reader: StreamReader, onEnd: () => void) {
    this.#reader = reader;
    this.#onEnd = onEnd;
  }

  /**
   * Serves `follower` from the tail; resolves when it has to read on by itself, which may be at once. Rejects when the
   * stream can't be read any more.
   */
  async follow(follower: TailFollower): Promise<void> {
    if (this.#position !== undefined && this.#position > follower.position) return;
    const left = Promise.withResolvers<void>();
    this.#followers.set(follower, left);
    if (this.#position === undefined) void this.#serve(follower.position);
    await left.promise;
  }

  /** Also for one that does not follow. The last one to leave ends the hub for good. */
  leave(follower: TailFollower): void {
    this.#followers.get(follower)?.resolve();
    this.#followers.delete(follower);
    if (this.#followers.size === 0) this.#stop.abort();
  }

  get ended(): boolean {
    return this.#stop.signal.aborted;
  }

  async #serve(from: number): Promise<void> {
    try {
      await this.#run(from);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#onEnd();
    }
  }

  async #run(from: number): Promise<void> {
    this.#position = from;
    for await (const commit of this.#reader.tailCommits(from, this.#stop.signal)) {
      const range = { from: this.#position, until: endOfCommit(commit) };
      for (const slice of renderSlices([commit], range, messageEvent)) await this.#broadcast(slice);
    }
  }

  async #broadcast(slice: Slice): Promise<void> {
    this.#position = slice.nextOffset;
    let served = 0;
    for (const follower of [...this.#followers.keys()]) {
      if (!follower.offer(slice)) this.leave(follower);
      served += 1;
      if (served % TURN === 0) await new Promise(setImmediate);
    }
  }

  #fail(error: unknown): void {
    for (const left of this.#followers.values()) left.reject(error);
    this.#followers.clear();
    this.#stop.abort();
  }
}
