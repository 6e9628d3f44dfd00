import { type Runtime, sleep } from '@message-vault/runtime';
import { Backoff } from '../backoff.ts';
import { checkFunction, wholeNumber } from '../checks.ts';
import { isVaultClientError } from '../errors.ts';
import type { ReceivedMessage } from './message.ts';
import { keepLocked } from './renewal.ts';

/**
 * What is done with a message. When it resolves, the message is acknowledged; when it throws, the message is given back
 * for later. It may settle the message itself through `message.lock` (dead-letter it, for one).
 */
export type ConsumeHandler = (message: ReceivedMessage, task: ConsumeTask) => Promise<unknown> | unknown;

export interface ConsumeTask {
  /** Fires with a `lock_lost` error as its reason when the message is somebody else's: its result will not count. */
  readonly signal: AbortSignal;
}

/** Something went wrong with one message; the others go on. */
export interface ConsumeProblem {
  readonly kind: /** The handler threw; the message was given back, to come again after `retryAfterMs`. */
    | 'handler_failed'
    /** The lock could not be renewed in time, or somebody settled the message: it was not acknowledged. */
    | 'lock_lost'
    /** The handler was through, or had failed, and the node could not be told: the message comes again. */
    | 'not_settled';
  readonly message: ReceivedMessage;
  readonly error: unknown;
  readonly retryAfterMs?: number | undefined;
}

export interface ConsumeOptions {
  /** Messages handled at the same time, 1 to 1,000. Default 1. */
  readonly concurrency?: number | undefined;
  /** How long a node keeps the question for a message when there is none, 1 to 60 s. Default 20 s. */
  readonly waitSeconds?: number | undefined;
  /** How long a message is given back for after its first failure; doubles with each further delivery. Default 1 s. */
  readonly retryInitialMs?: number | undefined;
  /** Default 5 min. */
  readonly retryMaxMs?: number | undefined;
  /** No more messages are taken; those under way are brought to their end. */
  readonly signal?: AbortSignal | undefined;
  /** Told of everything that went wrong with a message. Default: a warning of the process. */
  readonly onProblem?: ((problem: ConsumeProblem) => void) | undefined;
}

/** What a consumer takes from. */
export interface MessageSource {
  readonly name: string;
  receive(options: { waitSeconds: number; signal: AbortSignal }): Promise<ReceivedMessage | undefined>;
}

const MAX_CONCURRENCY = 1000;
const MAX_WAIT_SECONDS = 60;
const MAX_RETRY_MS = 7 * 86_400_000;
/** An answer without a message that came sooner than this was not waited for: the next question comes after a pause. */
const HASTY_MS = 500;
const PAUSE_MS = 100;
/** The cluster is away: it is asked again as seldom as this. */
const OUTAGE = { initialMs: 100, maxMs: 5000 };

export function consume(
  runtime: Runtime,
  source: MessageSource,
  handler: ConsumeHandler,
  options: ConsumeOptions,
): Promise<void> {
  const settings = {
    concurrency: wholeNumber('concurrency', options.concurrency ?? 1, 1, MAX_CONCURRENCY),
    waitSeconds: wholeNumber('waitSeconds', options.waitSeconds ?? 20, 1, MAX_WAIT_SECONDS),
    retryInitialMs: wholeNumber('retryInitialMs', options.retryInitialMs ?? 1000, 0, MAX_RETRY_MS),
    retryMaxMs: wholeNumber('retryMaxMs', options.retryMaxMs ?? 300_000, 0, MAX_RETRY_MS),
  };
  checkFunction('onProblem', options.onProblem);
  const onProblem = options.onProblem ?? warn;
  return new Consumer(runtime, source, handler, { ...settings, onProblem }).run(options.signal);
}

function warn({ kind, message, error }: ConsumeProblem): void {
  process.emitWarning(`message ${message.id}: ${kind}: ${String(error)}`, 'MessageVaultConsumer');
}

interface Settings {
  readonly concurrency: number;
  readonly waitSeconds: number;
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  readonly onProblem: (problem: ConsumeProblem) => void;
}

/** So many workers, each taking a message, handling it and settling it. While there is none, only one of them asks. */
class Consumer {
  readonly #runtime: Runtime;
  readonly #source: MessageSource;
  readonly #handler: ConsumeHandler;
  readonly #settings: Settings;
  /** No more messages are to be taken. */
  readonly #stop = new AbortController();
  #asking = 0;
  /** The queue was empty the last time somebody asked. */
  #quiet = false;
  #turn = Promise.withResolvers<void>();
  #failure: unknown;

  constructor(runtime: Runtime, source: MessageSource, handler: ConsumeHandler, settings: Settings) {
    this.#runtime = runtime;
    this.#source = source;
    this.#handler = handler;
    this.#settings = settings;
  }

  async run(signal: AbortSignal | undefined): Promise<void> {
    const onAbort = (): void => this.#end(undefined);
    if (signal?.aborted) return;
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.all(Array.from({ length: this.#settings.concurrency }, () => this.#work()));
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #work(): Promise<void> {
    const outage = new Backoff(this.#runtime, OUTAGE);
    while (!this.#stop.signal.aborted) {
      if (this.#quiet && this.#asking > 0) {
        await this.#turn.promise;
        continue;
      }
      try {
        const message = await this.#take();
        outage.reset();
        if (message !== undefined) await this.#handle(message);
      } catch (error) {
        if (!isVaultClientError(error, 'unavailable', 'bad_answer')) this.#end(error);
        else await this.#pause(outage.nextDelayMs());
      }
    }
  }

  async #take(): Promise<ReceivedMessage | undefined> {
    const { waitSeconds } = this.#settings;
    const askedAt = this.#runtime.monotonic();
    this.#asking += 1;
    try {
      const message = await this.#source.receive({ waitSeconds, signal: this.#stop.signal });
      this.#quiet = message === undefined;
      // A node that is being stopped lets go of who waits: it must not be asked as fast as it answers.
      if (this.#quiet && this.#runtime.monotonic() - askedAt < HASTY_MS) await this.#pause(PAUSE_MS);
      return message;
    } finally {
      this.#asking -= 1;
      this.#wakeOthers();
    }
  }

  async #handle(message: ReceivedMessage): Promise<void> {
    const renewal = keepLocked(this.#runtime, message.lock);
    const outcome = await settled(() => this.#handler(message, { signal: renewal.signal }));
    const lost = await renewal.stop();
    if (message.lock.settled) return;
    if (lost !== undefined) this.#tell({ kind: 'lock_lost', message, error: lost });
    else if (outcome.ok) await this.#finish(message, () => message.lock.acknowledge());
    else await this.#giveBack(message, outcome.error);
  }

  async #giveBack(message: ReceivedMessage, error: unknown): Promise<void> {
    const { retryInitialMs, retryMaxMs } = this.#settings;
    const step = Math.min(retryMaxMs, retryInitialMs * 2 ** Math.max(0, message.deliveryCount - 1));
    const retryAfterMs = Math.round(step * (0.5 + 0.5 * this.#runtime.random()));
    const done = await this.#finish(message, () => message.lock.release({ delayMs: retryAfterMs }));
    if (done) this.#tell({ kind: 'handler_failed', message, error, retryAfterMs });
    else this.#tell({ kind: 'handler_failed', message, error });
  }

  async #finish(message: ReceivedMessage, settle: () => Promise<void>): Promise<boolean> {
    const outcome = await settled(settle);
    if (outcome.ok) return true;
    const kind = isVaultClientError(outcome.error, 'lock_lost') ? 'lock_lost' : 'not_settled';
    this.#tell({ kind, message, error: outcome.error });
    return false;
  }

  /** A program that fails at being told has not reckoned with it: the consumer ends with that failure. */
  #tell(problem: ConsumeProblem): void {
    try {
      this.#settings.onProblem(problem);
    } catch (error) {
      this.#end(error);
    }
  }

  #end(failure: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#failure = failure;
    this.#stop.abort(new Error('the consumer ends'));
    this.#wakeOthers();
  }

  #wakeOthers(): void {
    this.#turn.resolve();
    this.#turn = Promise.withResolvers<void>();
  }

  async #pause(delayMs: number): Promise<void> {
    await sleep(this.#runtime, delayMs, this.#stop.signal).catch(() => {});
  }
}

type Outcome = { readonly ok: true } | { readonly ok: false; readonly error: unknown };

async function settled(work: () => unknown): Promise<Outcome> {
  try {
    await work();
    return { ok: true };
  } catch (error) {
    return { ok: false, error };
  }
}
