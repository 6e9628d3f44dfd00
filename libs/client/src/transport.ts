/**
 * The one door to the network. The client's core knows nothing of sockets: give it another Transport and another
 * Runtime, and the very same retries, batching and resuming run over a simulated network in virtual time.
 */
export interface TransportRequest {
  /** Base URL of the node, without a slash at the end. */
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  /**
   * Requests of one lane to one node go over one connection, in the order `send` was called, without waiting for
   * each other's answers. Requests without a lane go over any connection.
   */
  readonly lane?: number | undefined;
  /** Fail with `timeout` when the peer has sent nothing for this long while its answer is due. */
  readonly stallTimeoutMs: number;
  /** Fail with `too_large` rather than hold an answer bigger than this. */
  readonly maxResponseBytes: number;
  /** Aborting a request that has been sent leaves its outcome unknown. */
  readonly signal?: AbortSignal | undefined;
}

export interface TransportResponse {
  readonly status: number;
  /** Names in lower case; a repeated header is joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export type TransportErrorCode =
  /** No connection: the node is not there, or not reachable. */
  | 'unreachable'
  /** The connection broke before the whole answer was there. */
  | 'lost'
  /** Silence for `stallTimeoutMs`. */
  | 'timeout'
  | 'too_large'
  | 'aborted'
  | 'closed';

/** A request that got no whole answer. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: TransportErrorCode;
  /** False only when certainly not one byte of the request left: the node cannot have acted on it. */
  readonly sent: boolean;

  constructor(code: TransportErrorCode, message: string, options: { sent: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.code = code;
    this.sent = options.sent;
  }
}

/** Answers come whole and bounded. Rejects with TransportError only. */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
  /** Lets go of all connections; what is under way fails with `closed`. */
  close(): Promise<void>;
}
