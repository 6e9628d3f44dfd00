import type { StoredCommit, StreamReader } from '@message-vault/log';
import { invariant } from '@message-vault/runtime';
import type { ReadFormat } from './formats.ts';
import { type HeldStep, readStep } from './held-step.ts';
import { PIECE_BYTES, type Piece, type PieceBuffers } from './piece-buffers.ts';
import type { MessageRange } from './range.ts';
import type { ReadBudget } from './read-budget.ts';
import type { Sink } from './sink.ts';

/** How long a step is kept in memory, in all, while its client does not take it; after that it is read again. */
const HOLD_MS = 500;
/** The same while other reads wait for that memory. */
const HOLD_FOR_OTHERS_MS = 50;
/** Who takes a piece within this time would take a step within HOLD_MS, or so: it is quick again. */
const QUICK_MS = 30;

export interface DeliveryOptions {
  readonly reader: StreamReader;
  readonly budget: ReadBudget;
  readonly buffers: PieceBuffers;
  readonly sink: Sink;
  readonly stream: string;
  readonly range: MessageRange;
  readonly format: ReadFormat;
  /** Read at a time for a client that is quick. */
  readonly stepBytes: number;
  readonly signal: AbortSignal;
  /** Told of every piece the client gets. */
  readonly onSent: (bytes: number) => void;
}

/**
 * Renders and sends a range as fast as the client takes it. A step is held only as long as the client keeps up; one that
 * does not is served a piece at a time until it does, with nothing held while it is waited for but that piece.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  /** Where the next slice starts, how much of it has been written already, and how many messages came before it. */
  #at: number;
  #written = 0;
  #messages = 0;
  #slow = false;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#at = options.range.from;
  }

  /** Resolves with the number of messages when all is written. */
  async run(): Promise<number> {
    const { range, format, sink, stream } = this.#options;
    sink.write(Buffer.from(format.opening(stream)));
    while (this.#at < range.nextOffset) {
      await this.#step();
      if (await sink.drained(QUICK_MS)) this.#slow = false;
      else await sink.drained();
    }
    sink.write(Buffer.from(format.closing(range)));
    sink.end();
    return this.#messages;
  }

  async #step(): Promise<void> {
    const { range } = this.#options;
    const before = [this.#at, this.#written];
    const step = (this.#at === range.from && range.takeFirst()) || (await this.#read());
    try {
      await this.#send(step.commits);
    } finally {
      step.release();
    }
    const moved = before[0] !== this.#at || before[1] !== this.#written;
    invariant(moved, `the range up to ${range.nextOffset} was found, so there are messages at ${this.#at}`);
  }

  #read(): Promise<HeldStep> {
    const { reader, budget, stepBytes, signal } = this.#options;
    const maxBytes = this.#slow ? Math.min(PIECE_BYTES, stepBytes) : stepBytes;
    return readStep(budget, reader, { from: this.#at, maxBytes, signal });
  }

  async #send(commits: readonly StoredCommit[]): Promise<void> {
    const { sink, budget, onSent } = this.#options;
    let patienceMs = HOLD_MS;
    let sent = 0;
    for (const { bytes, giveBack } of this.#pieces(commits)) {
      const room = sink.write(bytes, giveBack);
      onSent(bytes.byteLength);
      sent += bytes.byteLength;
      if (this.#slow && sent >= PIECE_BYTES) return;
      if (room || this.#slow) continue;
      const begun = performance.now();
      const patience = budget.isWantedByOthers ? HOLD_FOR_OTHERS_MS : patienceMs;
      this.#slow = !(await sink.drained(Math.min(patience, patienceMs)));
      if (this.#slow) return;
      patienceMs = Math.max(1, patienceMs - (performance.now() - begun));
    }
  }

  /** Copies, so that what waits for a client keeps no step alive. Goes on in the middle of a slice when it was left there. */
  *#pieces(commits: readonly StoredCommit[]): Generator<Piece> {
    const { format, range, buffers } = this.#options;
    const wanted = { from: this.#at, until: range.nextOffset };
    for (const { bytes, nextOffset, messages } of format.slices(commits, wanted, this.#messages > 0)) {
      for (;;) {
        const piece = bytes.subarray(this.#written, this.#written + PIECE_BYTES);
        this.#written += piece.byteLength;
        const whole = this.#written >= bytes.byteLength;
        if (whole) {
          // Slices end elsewhere when the commits come in other steps: what is written is counted in bytes.
          this.#written -= bytes.byteLength;
          this.#at = nextOffset;
          this.#messages += messages;
        }
        if (piece.byteLength > 0) yield buffers.copy(piece);
        if (whole) break;
      }
    }
  }
}
