import type { LandedCommit } from '@message-vault/log';
import type { Runtime, Timer } from '@message-vault/runtime';

/** Stream id and tail page. */
export type Growth = readonly [streamId: string, tailPage: number];

/**
 * `not_ready`: nothing was sent, try again when told to. A rejection: perhaps sent, not worth repeating. `commit` ends at
 * the only page that is sent; it is good until the call returns, not until the promise is settled.
 */
export type SendGrowth = (
  growth: readonly Growth[],
  commit: LandedCommit | undefined,
) => Promise<'sent' | 'not_ready'>;

export interface AnnouncerOptions {
  readonly runtime: Runtime;
  readonly send: SendGrowth;
  /** Pause after a send was answered; what is announced meanwhile is joined per stream. */
  readonly pauseMs: number;
  /** Streams waiting to be announced; further ones are dropped. */
  readonly maxStreams: number;
  /** Streams announced by one send. */
  readonly maxPerSend: number;
}

/**
 * Joins announcements: one send is in flight at a time, and of each stream only the newest page waits for the next.
 * The first announcement after a silence goes out at once; a stream that is written without pause costs one send per
 * round trip and pause, however fast it grows, and a transport that hangs holds one page per stream. A commit goes along
 * only with what goes out at once: what has waited is out of date.
 */
export class Announcer {
  readonly counts = { sent: 0, dropped: 0 };
  readonly #options: AnnouncerOptions;
  readonly #waiting = new Map<string, number>();
  #busy = false;
  #askedWhileBusy = false;
  #closed = false;
  #pause: Timer | undefined;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  announce(streamId: string, tailPage: number, commit?: LandedCommit): void {
    if (this.#closed) return;
    if (!this.#waiting.has(streamId) && this.#waiting.size >= this.#options.maxStreams) {
      this.counts.dropped += 1;
      return;
    }
    this.#waiting.set(streamId, tailPage);
    this.#send(this.#waiting.size === 1 ? commit : undefined);
  }

  /** To be called when the transport became ready. */
  sendWaiting(): void {
    this.#send(undefined);
  }

  close(): void {
    this.#closed = true;
    this.#pause?.cancel();
    this.#waiting.clear();
  }

  #send(commit: LandedCommit | undefined): void {
    if (this.#closed || this.#waiting.size === 0) return;
    this.#askedWhileBusy = this.#busy;
    if (this.#busy) return;
    this.#busy = true;
    void this.#sendSome(commit);
  }

  async #sendSome(commit: LandedCommit | undefined): Promise<void> {
    const growth = this.#take();
    let ready = true;
    try {
      ready = (await this.#options.send(growth, commit)) === 'sent';
      if (ready) this.counts.sent += growth.length;
      else this.#putBack(growth);
    } catch {
      // The transport has said why in its own log. Whoever waits for these streams finds out by polling.
      this.counts.dropped += growth.length;
    }
    if (this.#closed) return;
    this.#pause = this.#options.runtime.setTimer(this.#options.pauseMs, () => {
      this.#busy = false;
      if (ready || this.#askedWhileBusy) this.sendWaiting();
    });
  }

  #take(): Growth[] {
    const growth: Growth[] = [];
    for (const entry of this.#waiting) {
      if (growth.length === this.#options.maxPerSend) break;
      growth.push(entry);
      this.#waiting.delete(entry[0]);
    }
    return growth;
  }

  #putBack(growth: readonly Growth[]): void {
    for (const [streamId, tailPage] of growth) {
      if (!this.#waiting.has(streamId)) this.#waiting.set(streamId, tailPage);
    }
  }
}
