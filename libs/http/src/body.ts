import type { Metrics } from '@message-vault/telemetry';
import { BodyTurns } from './body-turns.ts';
import type { Exchange } from './exchange.ts';
import { HttpProblem } from './problems.ts';

export interface BodyLimits {
  readonly maxBodyBytes: number;
  readonly maxBodyBytesInFlight: number;
  readonly bodyTimeoutMs: number;
  readonly bodyTotalTimeoutMs: number;
}

/** The client went away before its request was complete: there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** How many bytes of request bodies this node holds, over all requests. */
export class BodyBudget {
  #held = 0;
  readonly #maxBytes: number;
  readonly #metrics: Metrics;

  constructor(maxBytes: number, metrics: Metrics) {
    this.#maxBytes = maxBytes;
    this.#metrics = metrics;
  }

  /** Throws `busy` when there is no room. */
  take(bytes: number): void {
    if (this.#held + bytes > this.#maxBytes) {
      throw new HttpProblem('busy', `this node already holds ${this.#held} bytes of request bodies`, {
        retryAfter: 1,
      });
    }
    this.#held += bytes;
    this.#metrics.httpBodyBytes.set(this.#held);
  }

  give(bytes: number): void {
    this.#held -= bytes;
    this.#metrics.httpBodyBytes.set(this.#held);
  }

  get heldBytes(): number {
    return this.#held;
  }
}

/** A body in memory. */
export interface Body {
  readonly bytes: Buffer;
  /** Its bytes are no longer held on its behalf. */
  release(): void;
  /**
   * Gives the memory back at once, where otherwise the collector would in its time: nobody may look at the bytes any
   * more, and finds none if it does.
   */
  free(): void;
}

/** Reads bodies within the limits. One per server. */
export class BodyReader {
  readonly #limits: BodyLimits;
  readonly #budget: BodyBudget;
  readonly #turns = new BodyTurns();

  constructor(limits: BodyLimits, metrics: Metrics) {
    this.#limits = limits;
    this.#budget = new BodyBudget(limits.maxBodyBytesInFlight, metrics);
  }

  get heldBytes(): number {
    return this.#budget.heldBytes;
  }

  /** Bytes the body will have; undefined when the client doesn't say. Throws `too_large`. */
  declaredBytes(exchange: Exchange, maxBytes: number = this.#limits.maxBodyBytes): number | undefined {
    const { 'content-length': declared, 'transfer-encoding': encoding } = exchange.req.headers;
    if (declared === undefined) return encoding === undefined ? 0 : undefined;
    const bytes = Number(declared);
    if (bytes > maxBytes) throw tooLarge(maxBytes, `${bytes} bytes are announced`);
    return bytes;
  }

  /**
   * The whole body. Throws HttpProblem (`too_large`, `busy`, `request_timeout`) and ClientGone; after any of them
   * nothing is held.
   */
  async read(exchange: Exchange, maxBytes: number = this.#limits.maxBodyBytes): Promise<Body> {
    const gathered = new Gathered(this.declaredBytes(exchange, maxBytes));
    const budget = this.#budget;
    try {
      await this.#receive(exchange, maxBytes, (chunk) => {
        budget.take(chunk.length);
        gathered.add(chunk);
      });
    } catch (error) {
      budget.give(gathered.length);
      throw error;
    }
    return {
      bytes: gathered.whole(),
      release: () => budget.give(gathered.length),
      free: () => gathered.free(),
    };
  }

  /**
   * The body piece by piece, as fast as it is taken, within the same limits of size and time if not told otherwise, and
   * with the same errors.
   */
  async *stream(exchange: Exchange, limits: Partial<BodyLimits> = {}): AsyncGenerator<Buffer, void> {
    const bounds = { ...this.#limits, ...limits };
    const { maxBodyBytes: maxBytes } = bounds;
    this.declaredBytes(exchange, maxBytes);
    goAhead(exchange);
    const { promise: late, reject } = Promise.withResolvers<never>();
    late.catch(() => undefined);
    const watch = new BodyWatch(bounds, maxBytes, reject);
    // Leaving early must not destroy the request: the answer to it is still to be sent over the same socket.
    const pieces = exchange.req.iterator({ destroyOnReturn: false });
    try {
      for (;;) {
        const piece = await Promise.race([nextPiece(pieces), late]);
        if (piece === undefined) break;
        const problem = watch.seen(piece.length);
        if (problem !== undefined) throw problem;
        yield piece;
        watch.waiting();
      }
    } finally {
      watch.stop();
      // Not awaited: after a time-out the piece it waits for may never come.
      pieces.return?.().catch(() => undefined);
    }
    if (!exchange.req.complete) throw new ClientGone('the client went away');
  }

  #receive(exchange: Exchange, maxBytes: number, take: (chunk: Buffer) => void): Promise<void> {
    goAhead(exchange);
    const { req } = exchange;
    return new Promise((resolve, reject) => {
      const watch = new BodyWatch(this.#limits, maxBytes, fail);
      const turns = this.#turns.join(req);
      function settle(): void {
        watch.stop();
        req.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      }
      function fail(error: Error): void {
        settle();
        reject(error);
      }
      function onData(chunk: Buffer): void {
        try {
          const { length } = chunk;
          const problem = watch.seen(length);
          if (problem !== undefined) throw problem;
          // After this there may be nothing left of it.
          take(chunk);
          turns.took(length, () => watch.waiting());
        } catch (error) {
          fail(error instanceof Error ? error : new Error('the body could not be taken', { cause: error }));
        }
      }
      function onEnd(): void {
        settle();
        resolve();
      }
      function onGone(): void {
        fail(new ClientGone('the client went away'));
      }
      req.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
      if (req.destroyed) onGone();
    });
  }
}

/** The pieces of a body, put in place as they come when its length is known, so that none is kept until the last is there. */
class Gathered {
  readonly #declared: number | undefined;
  #pieces: Buffer[] = [];
  #place: Buffer<ArrayBuffer> | undefined;
  length = 0;

  constructor(declaredBytes: number | undefined) {
    this.#declared = declaredBytes;
  }

  add(piece: Buffer): void {
    const at = this.length;
    this.length += piece.length;
    if (this.#declared === undefined || this.#declared === piece.length) {
      this.#pieces.push(piece);
      return;
    }
    // Node's parser ends a body at its declared length. Memory that is never written to is never really taken.
    this.#place ??= Buffer.allocUnsafeSlow(this.#declared);
    this.#place.set(piece, at);
    freeWhole(piece);
  }

  free(): void {
    this.#place?.buffer.transfer(0);
    this.#place = undefined;
  }

  whole(): Buffer {
    if (this.#place !== undefined) return this.#place.subarray(0, this.length);
    const [first] = this.#pieces;
    return this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces);
  }
}

/**
 * Node's parser copies each piece into memory of its own, which left to the collector piles up; given back, the next
 * piece finds it in the processor's cache.
 */
function freeWhole({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0);
}

/** Undefined at the end. */
async function nextPiece(pieces: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  try {
    const { done, value } = await pieces.next();
    return done === true ? undefined : value;
  } catch (cause) {
    throw new ClientGone('the client went away', { cause });
  }
}

/** Watches size and pace of one body. */
class BodyWatch {
  readonly #limits: BodyLimits;
  readonly #maxBytes: number;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  #bytes = 0;
  #waits = true;

  /** `late` is called when the client lets us wait too long for the next piece. */
  constructor(limits: BodyLimits, maxBytes: number, late: (problem: HttpProblem) => void) {
    this.#limits = limits;
    this.#maxBytes = maxBytes;
    this.#timer = setTimeout(() => {
      if (this.#waits) late(this.#tooSlow(`nothing came for ${limits.bodyTimeoutMs} ms`));
    }, limits.bodyTimeoutMs);
  }

  /** A piece came; answers what is wrong with that, if anything. While the piece is worked on, the client is not late. */
  seen(bytes: number): HttpProblem | undefined {
    this.#waits = false;
    this.#bytes += bytes;
    if (this.#bytes > this.#maxBytes) return tooLarge(this.#maxBytes, 'more than that came');
    if (performance.now() - this.#startedAt <= this.#limits.bodyTotalTimeoutMs) return undefined;
    return this.#tooSlow(`it was not complete after ${this.#limits.bodyTotalTimeoutMs} ms`);
  }

  /** The next piece is waited for from now on. */
  waiting(): void {
    this.#waits = true;
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #tooSlow(what: string): HttpProblem {
    return new HttpProblem(
      'request_timeout',
      `the body came too slowly: ${what}, with ${this.#bytes} bytes received`,
    );
  }
}

function tooLarge(maxBytes: number, what: string): HttpProblem {
  return new HttpProblem('too_large', `the body may have ${maxBytes} bytes; ${what}`, { limit: maxBytes });
}

function goAhead(exchange: Exchange): void {
  if (!exchange.awaitsGoAhead) return;
  exchange.awaitsGoAhead = false;
  exchange.res.writeContinue();
}
