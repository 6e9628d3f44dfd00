import {
  HistoryChecker,
  type HistoryEvent,
  type HistoryWriter,
  openHistory,
  type Verdict,
  type WriteGap,
  WriteGaps,
} from '@message-vault/checkers';
import { type Delivered, Deliveries } from './deliveries.ts';

/** A run that records more than this has gone wrong: its producers stop. About 150 bytes each in the file. */
const MAX_EVENTS = 2_000_000;
/** Reasons are counted; what differs in details only would fill the report. */
const MAX_REASONS = 30;

/** What the report wants to draw: times only, on the clock of the history. */
export interface Times {
  readonly acks: readonly number[];
  readonly failures: readonly { readonly at: number; readonly code: string }[];
  readonly marks: readonly { readonly at: number; readonly name: string }[];
}

/** Takes down one run: into the history file, and past the checkers as it happens. */
export class Recorder {
  readonly #file: HistoryWriter;
  readonly #checker = new HistoryChecker();
  readonly #gaps = new WriteGaps();
  readonly #acks: number[] = [];
  readonly #failures: { at: number; code: string }[] = [];
  readonly #marks: { at: number; name: string }[] = [];
  readonly #retries = new Map<string, number>();
  readonly #deliveries = new Deliveries();
  #events = 0;

  constructor(path: string) {
    this.#file = openHistory(path);
  }

  /** False when no more should be begun. */
  get hasRoom(): boolean {
    return this.#events < MAX_EVENTS;
  }

  get acked(): number {
    return this.#acks.length;
  }

  get times(): Times {
    return { acks: this.#acks, failures: this.#failures, marks: this.#marks };
  }

  /** What queues and routers have handed on. Empty for a run that has none. */
  get deliveries(): readonly Delivered[] {
    return this.#deliveries.list();
  }

  /** Messages that queues and routers have accepted and not yet brought to everything they are for. */
  get outstanding(): number {
    return this.#checker.outstanding();
  }

  /** How often publishes had to be tried again, by why. */
  get retries(): ReadonlyMap<string, number> {
    return this.#retries;
  }

  /** A publish has to be tried again. Not part of the history: nothing has come of it yet. */
  retried(reason: string): void {
    if (!this.#retries.has(reason) && this.#retries.size >= MAX_REASONS) return;
    this.#retries.set(reason, (this.#retries.get(reason) ?? 0) + 1);
  }

  add(event: HistoryEvent): void {
    this.#events += 1;
    this.#file.add(event);
    this.#checker.add(event);
    this.#gaps.add(event);
    this.#deliveries.add(event);
    if (event.kind === 'ack' || isFromLeader(event)) this.#acks.push(event.at);
    else if (event.kind === 'mark') this.#marks.push({ at: event.at, name: event.name });
    else if (event.kind === 'fail' || event.kind === 'unknown') {
      this.#failures.push({ at: event.at, code: event.code });
    }
  }

  /** To be called once, when all has been recorded. */
  async close(): Promise<{ verdict: Verdict; gaps: WriteGap[] }> {
    await this.#file.close();
    return { verdict: this.#checker.finish(), gaps: this.#gaps.finish() };
  }
}

/** Queues take messages at any node, whoever leads: that says nothing of how long a change of the leader took. */
const isFromLeader = (event: HistoryEvent): boolean =>
  event.kind === 'accepted' && event.sequenceNumber !== undefined;
