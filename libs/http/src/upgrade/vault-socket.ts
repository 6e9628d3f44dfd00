import type { WebSocket } from 'ws';

/**
 * Codes a node closes a WebSocket with (RFC 6455, 7.4, and the registry of it). Part of the protocol: docs/listeners.md
 * and docs/relay.md say what to do on each.
 */
export const CLOSE = {
  /** The node stops: connect to another. */
  goingAway: 1001,
  protocolError: 1002,
  wrongKind: 1003,
  /** What was said is not understood, or what was asked for is not possible. */
  policy: 1008,
  /** Leadership moved, or the connection to the leader broke: connect again, to any node. */
  moved: 1012,
  /** Come back later. */
  busy: 1013,
  /** The name has another role now. */
  nameGone: 4404,
  /** Too little was taken, or acknowledged, for too long. */
  tooSlow: 4408,
  /** The same listener has connected again. */
  replaced: 4409,
} as const;

/** What happens on a connection, for whoever uses it. */
export interface SocketHandlers {
  /** A whole message came. */
  message(data: Buffer, isBinary: boolean): void;
  /** It is over; 1006 when the other end just went. Called once. */
  closed(code: number, reason: string): void;
  /** The node stops: finish soon and close, or be closed. Without it the connection is closed at once. */
  goAway?(): void;
}

export interface SocketLimits {
  readonly maxBufferedBytes: number;
  readonly silentMs: number;
  readonly handshakeMs: number;
}

/** Bytes of a reason that fit a close frame. */
const MAX_REASON_BYTES = 120;

/** One WebSocket, with bounded buffers and an eye on whether the other end is there. */
export class VaultSocket {
  readonly #ws: WebSocket;
  readonly #limits: SocketLimits;
  readonly #waiting: (() => void)[] = [];
  #handlers: SocketHandlers | undefined;
  #heardAt = performance.now();
  #seenBuffered = 0;
  #silentMs = 0;
  #heardSinceTick = true;
  #tookSinceTick = true;
  /** Not read because somebody else has to take something first. */
  #paused = false;

  constructor(ws: WebSocket, limits: SocketLimits) {
    this.#ws = ws;
    this.#limits = limits;
    ws.on('message', (data, isBinary) => {
      this.#heard();
      this.#readNoFaster();
      // Nothing else comes of the default binary type.
      if (Buffer.isBuffer(data)) this.#handlers?.message(data, isBinary);
    });
    ws.on('pong', () => this.#heard());
    // Who pings and takes no pongs is sent away by the library.
    ws.on('ping', () => this.#heard());
    // What went wrong is told by the close that follows.
    ws.on('error', () => undefined);
    ws.once('close', (code, reason) => {
      this.#wake();
      this.#handlers?.closed(code, reason.toString('utf8'));
    });
  }

  /** To be called in the same turn the connection was made in: nothing is lost before. */
  use(handlers: SocketHandlers): void {
    this.#handlers = handlers;
  }

  get isOpen(): boolean {
    return this.#ws.readyState === this.#ws.OPEN;
  }

  get hasRoom(): boolean {
    return !this.isOpen || this.#ws.bufferedAmount <= this.#limits.maxBufferedBytes;
  }

  /** When anything came last, on the clock of `performance.now()`. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** What is sent when it is not open any more is lost. Text as text, bytes as binary, unless told otherwise. */
  send(data: Uint8Array | string, options: { binary?: boolean } = {}): void {
    if (!this.isOpen) return;
    const { binary = typeof data !== 'string' } = options;
    this.#ws.send(data, { binary }, () => {
      this.#tookSinceTick = true;
      if (this.hasRoom) this.#wake();
    });
  }

  /** Resolves when little waits to go out, or the connection is over. */
  room(): Promise<void> {
    if (this.hasRoom) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Reads nothing more for now; the other end notices by its own buffers. */
  pause(): void {
    this.#paused = true;
    this.#ws.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#ws.resume();
  }

  ping(): void {
    if (this.isOpen) this.#ws.ping();
  }

  /** Says goodbye; the connection is cut if the other end does not answer that. */
  close(code: number, reason: string): void {
    if (this.#ws.readyState === this.#ws.CLOSED) return;
    this.#ws.resume();
    this.#ws.close(code, shortened(reason));
    const timer = setTimeout(() => this.#ws.terminate(), this.#limits.handshakeMs);
    timer.unref();
    this.#ws.once('close', () => clearTimeout(timer));
  }

  terminate(): void {
    this.#ws.terminate();
  }

  goAway(): void {
    if (this.#handlers?.goAway === undefined) this.close(CLOSE.goingAway, 'this node stops');
    else this.#handlers.goAway();
  }

  /** Called every `sinceMs`: asks whether the other end is there, and cuts the connection when it was not for too long. */
  tick(sinceMs: number): void {
    const { bufferedAmount } = this.#ws;
    const takes = this.#tookSinceTick || bufferedAmount < this.#seenBuffered;
    const isThere = this.#heardSinceTick || takes || this.#paused;
    this.#silentMs = isThere && (takes || this.hasRoom) ? 0 : this.#silentMs + sinceMs;
    this.#seenBuffered = bufferedAmount;
    this.#heardSinceTick = false;
    this.#tookSinceTick = false;
    if (this.#silentMs >= this.#limits.silentMs) this.#ws.terminate();
    else this.ping();
  }

  /** Who says more and more and takes none of the answers is not read on, so that they don't gather here. */
  #readNoFaster(): void {
    if (this.#paused || this.#ws.bufferedAmount <= 2 * this.#limits.maxBufferedBytes) return;
    this.#ws.pause();
    void this.room().then(() => {
      if (!this.#paused) this.#ws.resume();
    });
  }

  #heard(): void {
    this.#heardAt = performance.now();
    this.#heardSinceTick = true;
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

function shortened(reason: string): string {
  const target = new Uint8Array(MAX_REASON_BYTES);
  const { written } = new TextEncoder().encodeInto(reason, target);
  return new TextDecoder().decode(target.subarray(0, written));
}
