import type { LandedCommit } from '@message-vault/log';
import type { SeededRandom } from '@message-vault/runtime/testing';
import type { GrowthListener, Wakeup } from '@message-vault/wakeup';
import type { SimProcess } from '../world/process.ts';
import type { World } from '../world/world.ts';

interface Subscriber {
  readonly process: SimProcess;
  readonly streamId: string;
  readonly listener: GrowthListener;
}

const STATS = { connected: true, announced: 0, sent: 0, dropped: 0, received: 0, ignored: 0 };
const MOST_PAGES_OFF = 5000;

/** Not every hint brings the commit: some go out together, and some commits are too large. */
const BRINGS_COMMIT = 0.5;

/**
 * "It has grown to here", from anyone to everyone; late, twice, never or not true, as the weather is. A commit that comes
 * along is true: nobody outside the cluster can make one up.
 */
export class HintExchange {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #along: SeededRandom;
  readonly #subscribers = new Set<Subscriber>();

  constructor(world: World) {
    this.#world = world;
    this.#random = world.chance('hints');
    this.#along = world.chance('commits with hints');
  }

  /** What one process has of it. */
  wakeupOf(process: SimProcess): Wakeup {
    return {
      announce: (streamId, tailPage, commit) => {
        if (process.isAlive)
          this.#announce(streamId, tailPage, commit && { ...commit, bytes: new Uint8Array(commit.bytes) });
      },
      subscribe: (streamId, listener) => {
        const subscriber = { process, streamId, listener };
        this.#subscribers.add(subscriber);
        process.onDeath(() => this.#subscribers.delete(subscriber));
        return () => void this.#subscribers.delete(subscriber);
      },
      stats: STATS,
      close: async () => {},
    };
  }

  #announce(streamId: string, tailPage: number, commit: LandedCommit | undefined): void {
    const { drop, again, lie, delayMs } = this.#world.skies.hints;
    const random = this.#random;
    for (const subscriber of this.#subscribers) {
      if (subscriber.streamId !== streamId || random.chance(drop)) continue;
      const along = this.#along.chance(BRINGS_COMMIT) ? commit : undefined;
      const page = random.chance(lie) ? Math.max(0, tailPage + random.below(MOST_PAGES_OFF) - 100) : tailPage;
      for (let times = random.chance(again) ? 2 : 1; times > 0; times -= 1) {
        this.#world.after(random.next() * delayMs, () => {
          subscriber.process.deliver(() => {
            if (this.#subscribers.has(subscriber))
              subscriber.listener(page, page === tailPage ? along : undefined);
          });
        });
      }
    }
  }
}
