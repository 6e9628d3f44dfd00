import type { Socket } from 'node:net';

/** How one direction of a link treats what passes through it right now. */
export interface Pacing {
  /** True while nothing may come out. */
  readonly held: boolean;
  /** At most this many bytes come out at a time, so that a slow link trickles instead of bursting. */
  readonly pieceBytes: number;
  /** How long bytes that came in at `arrivedAt` (performance.now()) still have to wait. `luck` is theirs, in [0, 1). */
  waitMs(arrivedAt: number, luck: number): number;
  /** Drawn for bytes as they come in, uniform in [0, 1); 0 where chance has no part. */
  luck(): number;
  /** Hears of bytes that came out. */
  passed(bytes: number): void;
}

/** Enough for the largest write of a broker (4 MiB) to be wholly on its way when a link goes dark. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;

type Item = { bytes: Buffer; arrivedAt: number; luck: number } | { last: 'end' | 'reset' };

/**
 * One direction of one connection: bytes go in at the source, wait until they are due, and come out at the sink, in
 * order. The end of the source, orderly or not, travels behind its bytes.
 */
export class Lane {
  readonly #source: Socket;
  readonly #pacing: Pacing;
  readonly #queue: Item[] = [];
  #sink: Socket | undefined;
  #queuedBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(source: Socket, pacing: Pacing) {
    this.#source = source;
    this.#pacing = pacing;
    source.on('data', (bytes) => this.#take(bytes));
    source.on('end', () => this.#takeLast('end'));
    source.on('close', (hadError) => this.#takeLast(hadError ? 'reset' : 'end'));
  }

  /** Nothing is left to come out: the end has, or the lane was abandoned. */
  get over(): boolean {
    return this.#over;
  }

  attach(sink: Socket): void {
    this.#sink = sink;
    sink.on('drain', () => this.wake());
    this.wake();
  }

  /** Lets out what is due. To be called when the pacing changed. */
  wake(): void {
    clearTimeout(this.#timer);
    const sink = this.#sink;
    if (!sink || this.#over) return;
    while (this.#queue.length > 0 && !this.#pacing.held && !sink.writableNeedDrain) {
      const waitMs = this.#letOut(sink);
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.wake(), waitMs);
        break;
      }
    }
    if (this.#source.isPaused() && this.#queuedBytes < MAX_QUEUED_BYTES / 2) this.#source.resume();
  }

  /** What is queued never comes out. */
  abandon(): void {
    clearTimeout(this.#timer);
    this.#over = true;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  /** Lets out the first item, or a piece of it, if it has waited long enough. Milliseconds to wait otherwise. */
  #letOut(sink: Socket): number {
    const item = this.#queue[0];
    if (!item) return 0;
    if ('last' in item) {
      this.abandon();
      if (item.last === 'end') sink.end();
      else sink.resetAndDestroy();
      return 0;
    }
    const waitMs = this.#pacing.waitMs(item.arrivedAt, item.luck);
    if (waitMs > 0) return waitMs;
    const piece = item.bytes.subarray(0, this.#pacing.pieceBytes);
    item.bytes = item.bytes.subarray(piece.length);
    if (item.bytes.length === 0) this.#queue.shift();
    this.#queuedBytes -= piece.length;
    this.#pacing.passed(piece.length);
    sink.write(piece);
    return 0;
  }

  #take(bytes: Buffer): void {
    if (this.#over) {
      // There is nobody for these any more: answered as a kernel does that knows of no such connection.
      this.#source.resetAndDestroy();
      return;
    }
    this.#queue.push({ bytes, arrivedAt: performance.now(), luck: this.#pacing.luck() });
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes > MAX_QUEUED_BYTES) this.#source.pause();
    this.wake();
  }

  #takeLast(last: 'end' | 'reset'): void {
    if (this.#over) return;
    const known = this.#queue.at(-1);
    if (known && 'last' in known) known.last = last === 'reset' ? 'reset' : known.last;
    else this.#queue.push({ last });
    this.wake();
  }
}
