import type { LandedCommit } from '@message-vault/log';
import type { GrowthListener, WakeupLogger } from './wakeup.ts';

/** Who listens to which stream in this process. */
export class Listeners {
  readonly #byStream = new Map<string, Set<GrowthListener>>();
  readonly #logger: WakeupLogger;

  constructor(logger: WakeupLogger) {
    this.#logger = logger;
  }

  /** How many streams have a listener. */
  get size(): number {
    return this.#byStream.size;
  }

  /** The streams listened to for longest, at most `limit`. */
  streams(limit: number): string[] {
    return [...this.#byStream.keys()].slice(0, limit);
  }

  has(streamId: string): boolean {
    return this.#byStream.has(streamId);
  }

  /** True when it is the first one of its stream. */
  add(streamId: string, listener: GrowthListener): boolean {
    const listeners = this.#byStream.get(streamId);
    if (listeners === undefined) this.#byStream.set(streamId, new Set([listener]));
    else listeners.add(listener);
    return listeners === undefined;
  }

  /** True when it was the last one of its stream. */
  remove(streamId: string, listener: GrowthListener): boolean {
    const listeners = this.#byStream.get(streamId);
    if (!listeners?.delete(listener) || listeners.size > 0) return false;
    this.#byStream.delete(streamId);
    return true;
  }

  /** A listener that throws is reported and keeps no other from hearing. */
  tell(streamId: string, tailPage: number, commit?: LandedCommit): void {
    for (const listener of [...(this.#byStream.get(streamId) ?? [])]) {
      try {
        listener(tailPage, commit);
      } catch (error) {
        this.#logger.warn({ error, streamId }, 'a listener for growth failed');
      }
    }
  }

  clear(): void {
    this.#byStream.clear();
  }
}
