import type { SimProcess } from '../world/process.ts';

export interface NetRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

export interface NetResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** A copy of the request may be let in after this answer to the first. */
  readonly repeated?: boolean;
}

export type NetFailure = 'unreachable' | 'lost' | 'timeout' | 'aborted' | 'closed';

/** A request without an answer. */
export class NetError extends Error {
  override readonly name = 'NetError';
  readonly code: NetFailure;
  /** False only when it certainly never left. */
  readonly sent: boolean;

  constructor(code: NetFailure, message: string, sent: boolean) {
    super(message);
    this.code = code;
    this.sent = sent;
  }
}

/** Requests of one lane go over one connection: they arrive in order, are answered in order, and break together. */
export class Lane {
  readonly open = new Set<Exchange>();
  lastArrivalMs = 0;
  isBroken = false;
  /** The answer before the next one has been sent. */
  answered: Promise<void> = Promise.resolve();
}

/** One request on its way, seen from who sent it. */
export class Exchange {
  readonly from: SimProcess;
  readonly request: NetRequest;
  readonly lane: Lane;
  readonly answer: Promise<NetResponse>;
  /** Aborted when the connection has broken, for whoever works on the answer. */
  readonly gone = new AbortController();
  /** It was answered with a refusal, whether that has reached the sender or not. */
  refused = false;
  /** A copy of the request has been let in: what the answer refuses may be done all the same. */
  copied = false;
  /** A copy of it is on its way. */
  repeated = false;
  #settle: { resolve: (answer: NetResponse) => void; reject: (error: NetError) => void };
  readonly #release: (() => void)[] = [];

  constructor(from: SimProcess, request: NetRequest, lane: Lane) {
    this.from = from;
    this.request = request;
    this.lane = lane;
    const { promise, resolve, reject } = Promise.withResolvers<NetResponse>();
    this.answer = promise;
    this.#settle = { resolve, reject };
    lane.open.add(this);
  }

  get isOpen(): boolean {
    return this.lane.open.has(this);
  }

  /** Runs when it has ended, one way or the other. */
  whenDone(release: () => void): void {
    this.#release.push(release);
  }

  succeed(response: NetResponse): void {
    if (this.#close()) this.#settle.resolve(this.repeated ? { ...response, repeated: true } : response);
  }

  fail(code: NetFailure, sent = true): void {
    if (!this.#close()) return;
    const { method, path } = this.request;
    this.#settle.reject(new NetError(code, `${method} ${path}: ${code}`, sent));
  }

  /** Its connection breaks, and with it everything on it. */
  breakLane(code: NetFailure): void {
    if (!this.isOpen) return;
    this.lane.isBroken = true;
    this.fail(code);
    for (const other of [...this.lane.open]) other.fail('lost');
  }

  #close(): boolean {
    if (!this.lane.open.delete(this)) return false;
    for (const release of this.#release) release();
    return true;
  }
}
