import type { TargetUrl } from './target-url.ts';

/** An address that a name stands for. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Looks a name up, afresh with every call. Rejects when there is no such name, no answer, or `signal` is aborted. */
export type ResolveName = (hostname: string, signal: AbortSignal) => Promise<readonly ResolvedAddress[]>;

/** One HTTP request over a connection to one given address. */
export interface WebhookRequest {
  readonly url: TargetUrl;
  /** The connection goes to this address and no other, whatever the host's name stands for by then. */
  readonly address: ResolvedAddress;
  readonly method: 'POST' | 'OPTIONS';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  /** The answer's body is read, and thrown away, up to so many bytes; then the connection is cut. */
  readonly maxAnswerBytes: number;
  /** And for so long after its head has come. */
  readonly answerBodyTimeoutMs: number;
  /** Gives the request up. After the head of the answer has come it only cuts the rest off. */
  readonly signal: AbortSignal;
}

/** The head of an answer. Names are in lower case, repeated ones joined by commas. */
export interface WebhookAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** HTTP as the sender needs it: no redirects, no proxies, connections kept for the next request to the same address. */
export interface WebhookTransport {
  /** Rejects with WebhookTransportError. */
  send(request: WebhookRequest): Promise<WebhookAnswer>;
  /** Cuts all connections. */
  close(): Promise<void>;
}

export type WebhookTransportErrorCode =
  /** No connection: nothing was sent. */
  | 'unreachable'
  /** The other side's certificate is not good for its name. */
  | 'bad_certificate'
  /** The connection ended, or brought something that is no HTTP, before there was an answer. */
  | 'broken'
  | 'aborted';

export class WebhookTransportError extends Error {
  override readonly name = 'WebhookTransportError';
  readonly code: WebhookTransportErrorCode;

  constructor(code: WebhookTransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
