import type { Runtime, Timer } from '@message-vault/runtime';
import { isLogError } from '../errors.ts';
import type { Looks } from './looks.ts';
import type { ReaderSettings } from './settings.ts';
import type { StreamEnd } from './stream-end.ts';

/** So many growths in a row must have been announced before polling relies on announcements. */
const RELIABLE_AFTER = 5;
/** So many looks in a row may end short of the end without having moved before the next one waits its turn. */
const MAX_FRUITLESS = 3;
/** The longest a timer of Node can be set for; beyond it fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface GrowthWatchOptions {
  readonly runtime: Runtime;
  readonly settings: ReaderSettings;
  readonly end: StreamEnd;
  readonly looks: Looks;
}

interface Waiter {
  /** Grown means: the end is past this page. */
  readonly page: number;
  settle(grown: boolean): void;
  fail(error: unknown): void;
}

/**
 * Everybody who waits for one stream to grow, and the one poller that runs while there is anybody.
 *
 * The pause between looks grows with the time nothing happened. A hint cuts it short; hints that keep announcing what
 * is then found make it longer, but it never ends: they may stop, and they may lie.
 */
export class GrowthWatch {
  readonly #options: GrowthWatchOptions;
  readonly #waiters = new Set<Waiter>();
  readonly #openedAt: number;
  #polling = false;
  #wake: (() => void) | undefined;
  #grownAt: number | undefined;
  #hintedPage = -1;
  #hintUnseen = false;
  #announcedInARow = 0;
  /** Monotonic milliseconds: when the next look is due, and when the next one a hint asks for. */
  #dueAt = Number.NEGATIVE_INFINITY;
  #hintDueAt = Number.NEGATIVE_INFINITY;
  /** Looks in a row that neither moved nor reached the end. */
  #fruitless = 0;
  /** A growth that was found before anything announced it: the announcement may be on its way. */
  #foundPage: number | undefined;

  constructor(options: GrowthWatchOptions) {
    this.#options = options;
    this.#openedAt = options.runtime.monotonic();
  }

  /** Whether anybody waits. */
  get isAwaited(): boolean {
    return this.#waiters.size > 0;
  }

  /** True once the end is past `page`, false when it is not after `timeoutMs`. */
  wait(page: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    if (this.#options.end.page > page) return Promise.resolve(true);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const leave = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      this.#waiters.delete(waiter);
      if (this.#waiters.size === 0) this.#wake?.();
    };
    const waiter: Waiter = {
      page,
      settle: (grown) => {
        leave();
        resolve(grown);
      },
      fail: (error) => {
        leave();
        reject(error);
      },
    };
    const onAbort = (): void => waiter.fail(signal?.reason);
    const timeout = (): void => waiter.settle(false);
    const timer = this.#options.runtime.setTimer(Math.min(timeoutMs, MAX_TIMER_MS), timeout);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiters.add(waiter);
    if (!this.#polling) void this.#poll();
    return promise;
  }

  /** Somebody says the stream reaches up to `page`. */
  hint(page: number): void {
    if (!Number.isSafeInteger(page) || page < 0) return;
    if (this.#foundPage !== undefined && page >= this.#foundPage) this.#announced();
    this.#hintedPage = page;
    if (page <= this.#options.end.page) return;
    this.#hintUnseen = true;
    this.#wake?.();
  }

  /** The known end has moved. */
  grown(): void {
    const { end, runtime } = this.#options;
    this.#grownAt = runtime.monotonic();
    if (this.#hintedPage >= end.page) this.#announced();
    else this.#unannounced(end.page);
    for (const waiter of [...this.#waiters]) if (waiter.page < end.page) waiter.settle(true);
  }

  fail(error: unknown): void {
    for (const waiter of [...this.#waiters]) waiter.fail(error);
  }

  #announced(): void {
    this.#foundPage = undefined;
    this.#announcedInARow += 1;
  }

  #unannounced(page: number): void {
    if (this.#foundPage !== undefined || this.#isReliable()) this.#announcedInARow = 0;
    this.#foundPage = page;
  }

  #isReliable(): boolean {
    return this.#announcedInARow >= RELIABLE_AFTER;
  }

  async #poll(): Promise<void> {
    this.#polling = true;
    for (;;) {
      await this.#pause();
      if (this.#waiters.size === 0) break;
      await this.#look();
    }
    this.#polling = false;
  }

  /** Sleeps until the next look is due or nobody waits any more. */
  async #pause(): Promise<void> {
    const { runtime } = this.#options;
    while (this.#waiters.size > 0) {
      const delayMs = (this.#isHinted() ? this.#hintDueAt : this.#dueAt) - runtime.monotonic();
      if (delayMs <= 0) return;
      await this.#sleep(delayMs);
    }
  }

  async #look(): Promise<void> {
    const { runtime, settings, end } = this.#options;
    const before = end.page;
    const hinted = this.#isHinted();
    this.#hintUnseen = false;
    const atEnd = await this.#lookOnce();
    const now = runtime.monotonic();
    const moved = end.page !== before;
    // A look that ended short of the end, at a commit larger than what was read, is followed up at once.
    this.#fruitless = atEnd || moved ? 0 : this.#fruitless + 1;
    this.#dueAt = atEnd || this.#fruitless > MAX_FRUITLESS ? now + this.#intervalMs() : now;
    // Hints that announce what isn't there must not make it look without pause.
    this.#hintDueAt = hinted && !moved ? now + settings.minPollMs : now;
  }

  /** A hint came since the last look began that says more than is known. */
  #isHinted(): boolean {
    return this.#hintUnseen && this.#hintedPage > this.#options.end.page;
  }

  /** Storage that does not answer is waited for, as growth is; anything else every waiter has to know. */
  async #lookOnce(): Promise<boolean> {
    try {
      return await this.#options.looks.once();
    } catch (error) {
      if (!isLogError(error, 'storage_unavailable')) this.fail(error);
      return true;
    }
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
      const timer: Timer = this.#options.runtime.setTimer(delayMs, done);
      this.#wake = done;
    });
  }

  #intervalMs(): number {
    const { minPollMs, maxPollMs, pollDivisor, hintedPollMs } = this.#options.settings;
    const adaptive = Math.min(maxPollMs, Math.max(minPollMs, this.#sinceGrowthMs() / pollDivisor));
    return this.#isReliable() ? Math.max(adaptive, hintedPollMs) : adaptive;
  }

  /** Before any growth was seen, the last commit's timestamp says when it was; an error of a clock costs little here. */
  #sinceGrowthMs(): number {
    const { runtime, end } = this.#options;
    if (this.#grownAt !== undefined) return runtime.monotonic() - this.#grownAt;
    if (end.last !== undefined) return Math.max(0, runtime.now() - end.last.timestamp);
    return runtime.monotonic() - this.#openedAt;
  }
}
