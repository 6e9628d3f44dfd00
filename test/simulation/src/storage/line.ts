import type { SeededRandom } from '@message-vault/runtime/testing';
import { isStorageError, type Storage, StorageError } from '@message-vault/storage';
import type { SimProcess } from '../world/process.ts';
import type { StorageWeather } from '../world/weather.ts';
import type { World } from '../world/world.ts';
import type { Fate, StorageCall } from './call.ts';
import { portOver } from './port.ts';
import type { Send } from './send.ts';

export const STORAGE_HOST = 'storage';

/** Looks at every call of a process before it leaves; may decide over it, or over the process. */
export interface CallWatcher {
  /** A fate other than the weather's, or undefined. */
  fateOf(process: SimProcess, call: StorageCall): Fate | undefined;
  /** The call is about to be made / has been made and not answered / has been answered. */
  passed(process: SimProcess, call: StorageCall, step: CallStep): void;
}

/** All of them look; the first that decides over a call does. */
export function watchers(...all: readonly CallWatcher[]): CallWatcher {
  return {
    fateOf: (process, call) => {
      for (const each of all) {
        const fate = each.fateOf(process, call);
        if (fate !== undefined) return fate;
      }
      return undefined;
    },
    passed: (process, call, step) => {
      for (const each of all) each.passed(process, call, step);
    },
  };
}

export type CallStep = 'sent' | 'applied' | 'answered';

export interface LineOptions {
  readonly world: World;
  readonly process: SimProcess;
  /** What the calls arrive at. */
  readonly storage: Storage;
  readonly watcher: CallWatcher;
  /** How long the adapter waits for an answer. */
  readonly timeoutMs: number;
}

const MAX_LATE_MS = 20_000;
const MAX_RETRY_AFTER_MS = 400;
const MAX_BETWEEN_MS = 40;

/** The line between one process and the storage, as an adapter shows it: bounded in time, failing with StorageErrors. */
export function storageLine(options: LineOptions): Storage {
  const line = new Line(options);
  const send: Send = (call, callOptions) => line.send(call, callOptions?.signal);
  return portOver(send);
}

class Line {
  readonly #options: LineOptions;
  readonly #world: World;
  readonly #process: SimProcess;
  readonly #random: SeededRandom;
  #sent = 0;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#world = options.world;
    this.#process = options.process;
    this.#random = options.world.chance(`line of ${options.process.id}`);
  }

  send<Answer>(call: StorageCall<Answer>, signal: AbortSignal | undefined): Promise<Answer> {
    const process = this.#process;
    return new Promise((resolve, reject) => {
      if (!process.isAlive) return;
      const number = this.#sent++;
      const giveUp = (why: string): void => settle(() => reject(lost(call, why)));
      const timer = process.setTimer(this.#options.timeoutMs, () => giveUp('no answer in time'));
      const onAbort = (): void => giveUp('aborted');
      let settled = false;
      const settle = (end: () => void): void => {
        if (settled) return;
        settled = true;
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        end();
      };
      if (signal?.aborted) {
        onAbort();
        return;
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      const come = (what: string, end: () => void): void => {
        process.deliver(() => {
          if (settled) return;
          this.#note(number, call, what);
          settle(end);
          this.#options.watcher.passed(process, call, 'answered');
        });
      };
      this.#options.watcher.passed(process, call, 'sent');
      // A process that stands still now makes the call when it goes on.
      process.deliver(() =>
        this.#depart(number, call, {
          answer: (value) => come(outcomeOf(value), () => resolve(value)),
          fail: (error) => come(codeOf(error), () => reject(error)),
        }),
      );
    });
  }

  #depart<Answer>(number: number, call: StorageCall<Answer>, sender: Sender<Answer>): void {
    const fate = this.#options.watcher.fateOf(this.#process, call) ?? this.#fate(call);
    if (fate.kind !== 'none') this.#note(number, call, `meets ${fate.kind}`);
    if (fate.kind === 'loseRequest') return;
    const broken = (): void => sender.fail(lost(call, 'the connection broke'));
    if (fate.kind === 'late') {
      this.#world.after(this.#latency(), broken);
      this.#later(number, call, fate.afterMs);
      return;
    }
    const deliver = (): void => void this.#arrive(number, call, { fate, sender, broken });
    this.#world.wires.carry(this.#process.host.name, STORAGE_HOST, this.#latency(), { deliver, broken });
  }

  async #arrive<Answer>(
    number: number,
    call: StorageCall<Answer>,
    { fate, sender, broken }: { fate: Fate; sender: Sender<Answer>; broken: () => void },
  ): Promise<void> {
    const home = (deliver: () => void): void => {
      this.#world.wires.carry(STORAGE_HOST, this.#process.host.name, this.#latency(), { deliver, broken });
    };
    try {
      const value = await this.#apply(call, fate);
      if (call.effect !== 'read') this.#note(number, call, 'is applied');
      this.#options.watcher.passed(this.#process, call, 'applied');
      if (fate.kind === 'again') this.#later(number, call, fate.afterMs);
      if (fate.kind !== 'loseAnswer' && fate.kind !== 'tear') home(() => sender.answer(value));
    } catch (error) {
      if (!isStorageError(error)) throw error;
      if (fate.kind !== 'loseAnswer' && fate.kind !== 'tear') home(() => sender.fail(error));
    }
  }

  async #apply<Answer>(call: StorageCall<Answer>, fate: Fate): Promise<Answer> {
    const { storage } = this.#options;
    if (fate.kind === 'refuse') throw lost(call, 'the storage failed');
    if (fate.kind === 'throttle')
      throw new StorageError('throttled', 'too many calls', { retryAfterMs: fate.retryAfterMs });
    if (fate.kind === 'echo') await call.apply(storage).catch(ignoreStorageError);
    if (fate.kind === 'tear' && call.pages !== undefined) {
      await call.pages.applySome(storage, fate.places);
      throw lost(call, 'only some pages landed');
    }
    if (fate.kind === 'inParts' && call.pages !== undefined) {
      const between = (): Promise<void> =>
        new Promise((resolve) => this.#world.after(fate.betweenMs, resolve));
      return call.pages.applyInParts(storage, fate.places, between).catch((error: unknown) => {
        throw isStorageError(error) ? lost(call, 'the rest of the pages was refused') : error;
      });
    }
    return call.apply(storage);
  }

  /** Nobody waits for this answer. */
  #later(number: number, call: StorageCall, afterMs: number): void {
    const delayMs = Math.min(afterMs, this.#world.calmAtMs - this.#world.nowMs - 1);
    if (delayMs <= 0) return;
    this.#world.after(delayMs, () => {
      call.apply(this.#options.storage).then(
        () => this.#note(number, call, 'is applied late'),
        (error: unknown) => {
          ignoreStorageError(error);
          this.#note(number, call, `is refused late: ${codeOf(error)}`);
        },
      );
    });
  }

  #fate(call: StorageCall): Fate {
    const weather = this.#world.skies.storageAt(this.#process.host.name);
    const random = this.#random;
    let draw = random.next();
    for (const [kind, make] of FATES) {
      draw -= weather[kind];
      if (draw < 0) return make(call, random);
    }
    return NONE;
  }

  #latency(): number {
    const { latencyMs, spike, spikeMs } = this.#world.skies.storageAt(this.#process.host.name);
    const [least, most] = latencyMs;
    const extra = this.#random.chance(spike) ? this.#random.next() * spikeMs : 0;
    return least + this.#random.next() * (most - least) + extra;
  }

  #note(number: number, call: StorageCall, what: string): void {
    this.#world.note(this.#process.id, `${number} ${call.operation} ${call.about}: ${what}`);
  }
}

interface Sender<Answer> {
  answer(value: Answer): void;
  fail(error: StorageError): void;
}

const NONE: Fate = { kind: 'none' };

type RatedFate = Exclude<Fate['kind'], 'none'> & keyof StorageWeather;

const FATES: readonly (readonly [RatedFate, (call: StorageCall, random: SeededRandom) => Fate])[] = [
  ['refuse', () => ({ kind: 'refuse' })],
  ['throttle', (_, random) => ({ kind: 'throttle', retryAfterMs: random.below(MAX_RETRY_AFTER_MS) })],
  ['loseRequest', () => ({ kind: 'loseRequest' })],
  ['loseAnswer', () => ({ kind: 'loseAnswer' })],
  ['late', (_, random) => ({ kind: 'late', afterMs: random.next() * MAX_LATE_MS })],
  ['again', (_, random) => ({ kind: 'again', afterMs: random.next() * MAX_LATE_MS })],
  ['echo', () => ({ kind: 'echo' })],
  ['tear', tearOf],
  [
    'inParts',
    (call, random) => ({
      kind: 'inParts',
      places: somePages(call, random),
      betweenMs: random.below(MAX_BETWEEN_MS),
    }),
  ],
];

/** What is no write of several pages can't be torn; its answer is lost. */
export function tearOf(call: StorageCall, random: SeededRandom): Fate {
  if (call.pages === undefined) return { kind: 'loseAnswer' };
  return { kind: 'tear', places: somePages(call, random) };
}

/** Not all, in any order: a prefix as often as any subset. */
function somePages(call: StorageCall, random: SeededRandom): number[] {
  const count = call.pages?.count ?? 1;
  if (random.chance(0.5)) return Array.from({ length: random.below(count) }, (_, place) => place);
  const some = Array.from({ length: count }, (_, place) => place).filter(() => random.chance(0.5));
  if (some.length === count) some.splice(random.below(count), 1);
  return random.chance(0.5) ? some : some.reverse();
}

function lost(call: StorageCall, why: string): StorageError {
  return new StorageError(
    call.effect === 'write' ? 'outcome_unknown' : 'unavailable',
    `${call.operation}: ${why}`,
  );
}

function outcomeOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('status' in value)) return 'ok';
  return String(value.status);
}

function codeOf(error: unknown): string {
  return isStorageError(error) ? error.code : 'failed';
}

function ignoreStorageError(error: unknown): void {
  if (!isStorageError(error)) throw error;
}
