import type { HeaderList } from '@message-vault/relay-protocol';

/** A request to a connection point, as it reached this listener. */
export interface RelayedRequest {
  readonly method: string;
  /** Path and query below the connection point, beginning with a slash. */
  readonly path: string;
  /** Names in lower case; values of a name that repeats joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  /** As they came. */
  readonly headerList: HeaderList;
  readonly hasBody: boolean;
  /** To be read once, and no faster than wished: who asks is slowed down to it. Throws when the rest does not come. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Fires when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** What goes back to whoever asked. */
export interface RelayedAnswer {
  /** 200 to 599. Default 200. */
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** Text goes out as UTF-8. An iterable is read as fast as it is taken at the other end. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

/** Serves a connection point. When it throws, whoever asked gets 502 `relay_failed`. */
export type RelayHandler = (request: RelayedRequest) => RelayedAnswer | Promise<RelayedAnswer>;

/** A request came to nothing: the handler, or the body it gave, has failed. */
export interface RelayProblem {
  readonly method: string;
  readonly path: string;
  readonly error: unknown;
}
