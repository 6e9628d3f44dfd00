import { type Due, DueHeap } from '@message-vault/runtime';

/** Of one body, before everything else has a turn. */
const BYTES_PER_TURN = 128 * 1024;

interface Paused extends Due {
  goOn(): void;
}

/**
 * Makes the bodies that come at once take turns. Left to itself, a socket is read as long as it has something, up to two
 * MiB, before the next one is looked at; a few bulk publishers would hold up all others, and the storage's answers. Of those
 * that have had their turn the one that came first goes on first: side by side all of them would be complete late, and
 * at the same moment, with nothing to store until then.
 */
export class BodyTurns {
  readonly #paused = new DueHeap<Paused>();
  #arrivals = 0;
  #scheduled = false;

  /** A body that comes now. `took`: so many bytes were taken; `waits` is called when the next ones may come. */
  join(req: { pause(): void; resume(): void }): { took(bytes: number, waits: () => void): void } {
    const order = this.#arrivals++;
    let taken = 0;
    return {
      took: (bytes, waits) => {
        taken += bytes;
        if (taken < BYTES_PER_TURN) return waits();
        taken = 0;
        req.pause();
        const goOn = (): void => {
          waits();
          req.resume();
        };
        this.#paused.push({ at: order, order, goOn });
        this.#schedule();
      },
    };
  }

  /** One each time the event loop has been round. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#paused.pop()?.goOn();
      if (this.#paused.size > 0) this.#schedule();
    });
  }
}
