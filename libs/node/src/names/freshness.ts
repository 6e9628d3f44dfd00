import type { NameChanges } from '@message-vault/metadata';
import { type Runtime, waitAtMost } from '@message-vault/runtime';

/** What is remembered is looked after again before it gets this old: a change is in force everywhere within two seconds. */
const MAX_AGE_MS = 1500;
/** From this age on it is looked after in the background while it is still used. */
const RENEW_AT_MS = 1000;
/** Whoever is asked for a name waits this long for news at most: storage that hangs must not stop what is known. */
const MAX_WAIT_MS = 500;
/** A change is made some time after it was announced: so long its name is looked up again and again. */
const UNSETTLED_MS = 60_000;
/** However settled, a document is read again after this. */
const MAX_SETTLED_MS = 300_000;

export interface FreshnessOptions {
  readonly runtime: Runtime;
  /** What the leader has announced. */
  readonly read: () => Promise<NameChanges>;
  /** Called with the names that change; with undefined when that is not known, so that it may be all of them. */
  readonly changing: (names: readonly string[] | undefined) => void;
}

/**
 * How long what is remembered of a name may be used. One small document tells every node which names change, so a node
 * that uses thousands of them asks for that document once a second, not for thousands. A leader, who writes it, asks for
 * nothing. A node that uses none asks for nothing either.
 */
export class Freshness {
  readonly #options: FreshnessOptions;
  /** On the monotonic clock: when what was announced of a name is settled, and of all of them. */
  readonly #settles = new Map<string, number>();
  #allSettledAt = Number.NEGATIVE_INFINITY;
  #known: NameChanges | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #writing = false;

  constructor(options: FreshnessOptions) {
    this.#options = options;
  }

  /** This node announces changes itself from now on, or doesn't any more. */
  set writing(writing: boolean) {
    this.#writing = writing;
    if (!writing) this.#readAt = Number.NEGATIVE_INFINITY;
  }

  /** Whether what was read of `name` at `readAt` (monotonic) is recent enough; renews what that rests on. */
  holds(name: string, readAt: number): boolean {
    const now = this.#options.runtime.monotonic();
    // What was read before its name was settled may have been changed since, by a write that came late.
    const isSettled = readAt >= this.#settledAt(name);
    if (now - readAt > (isSettled ? MAX_SETTLED_MS : MAX_AGE_MS)) return false;
    if (this.#writing) return true;
    const age = now - this.#readAt;
    if (age > RENEW_AT_MS) void this.#renew();
    return age <= MAX_AGE_MS;
  }

  /** Finds out what has changed, for as long as anybody may be kept waiting for it. False when nothing could be found out. */
  async renewed(): Promise<boolean> {
    const { runtime } = this.#options;
    if (this.#writing || runtime.monotonic() - this.#readAt <= RENEW_AT_MS) return true;
    const startedAt = this.#readAt;
    await waitAtMost(runtime, MAX_WAIT_MS, this.#renew());
    return this.#readAt > startedAt;
  }

  /** Somebody says that names have changed. */
  hint(): void {
    // It knows, for it is the one who says so.
    if (this.#writing) return;
    this.#readAt = Number.NEGATIVE_INFINITY;
    const { changing } = this.#options;
    if (this.#settles.size > 0) changing([...this.#settles.keys()]);
    if (this.#known !== undefined) void this.#renew();
  }

  /** Takes what is announced, whoever has read or written it. */
  learn(changes: NameChanges): void {
    const known = this.#known;
    this.#known = changes;
    const missed = changes.sequence - (known?.sequence ?? 0);
    if (known === undefined) this.#options.changing(undefined);
    // What was announced before this node knew of anything may not have been made yet.
    if (known === undefined) this.#unsettle(changes.recent);
    else if (missed < 0 || missed > changes.recent.length) this.#unsettleAll();
    // What an older leader announced may still be on its way when the next one has begun.
    else if (changes.epoch !== known.epoch) this.#unsettle(changes.recent);
    else if (missed > 0) this.#unsettle(changes.recent.slice(-missed));
    this.#forgetSettled();
  }

  #unsettle(names: readonly string[]): void {
    const at = this.#options.runtime.monotonic() + UNSETTLED_MS;
    for (const name of names) this.#settles.set(name, at);
    this.#options.changing(names);
  }

  #unsettleAll(): void {
    this.#allSettledAt = this.#options.runtime.monotonic() + UNSETTLED_MS;
    this.#options.changing(undefined);
  }

  #settledAt(name: string): number {
    return Math.max(this.#allSettledAt, this.#settles.get(name) ?? Number.NEGATIVE_INFINITY);
  }

  /** What is remembered of them is to be read once more, and is settled then. */
  #forgetSettled(): void {
    const now = this.#options.runtime.monotonic();
    const settled = [...this.#settles].filter(([, at]) => at <= now).map(([name]) => name);
    for (const name of settled) this.#settles.delete(name);
    if (settled.length > 0) this.#options.changing(settled);
  }

  #renew(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    const startedAt = this.#options.runtime.monotonic();
    try {
      const changes = await this.#options.read();
      this.learn(changes);
      this.#readAt = Math.max(this.#readAt, startedAt);
    } catch {
      // Storage that does not answer: what is known stays in use, and the next one to ask tries again.
    }
  }
}
