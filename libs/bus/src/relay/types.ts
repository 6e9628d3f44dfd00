import type { HeaderList, Link } from '@message-vault/relay-protocol';

/** A request as it is to reach the listener. */
export interface RelayRequest {
  readonly method: string;
  /** Path and query as the listener sees them, beginning with a slash. */
  readonly path: string;
  readonly headers: HeaderList;
  /** Read no faster than the listener takes it. Undefined when there is none. */
  readonly body: AsyncIterable<Uint8Array> | undefined;
  /** Fires when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** The answer of a listener. */
export interface RelayAnswer {
  readonly status: number;
  readonly headers: HeaderList;
  /** Throws RelayError `listener_failed` when the rest will not come. Undefined when there is none. */
  readonly body: AsyncIterable<Uint8Array> | undefined;
  /** To be called when the answer is done with, read to its end or not. Idempotent. */
  release(): void;
}

/** Why the hub ends a connection. */
export type HubGoodbye =
  /** The listener broke the protocol; `detail` says how. */
  | 'protocol_error'
  /** This node does not lead any more. */
  | 'not_leader'
  /** This node stops. */
  | 'going_away'
  /** The name is no connection point any more. */
  | 'name_gone';

/** A listener's connection, as the hub sees it. */
export interface ListenerLink extends Link {
  close(why: HubGoodbye, detail: string): void;
}

/** How whoever holds a listener's connection tells the hub of it. */
export interface AttachedListener {
  /** Requests under way. */
  readonly inFlight: number;
  /** A frame came. Never throws: who breaks the protocol is sent away. */
  received(frame: Uint8Array): void;
  /** Gives it no more requests, and closes the connection as soon as those under way are answered. */
  drain(why: HubGoodbye, detail: string): void;
  /** The connection is gone. */
  detach(): void;
}

export interface RelaySettings {
  /** Listeners connected at once, all names together. */
  readonly maxListeners: number;
  readonly maxListenersPerName: number;
  /** Requests under way at once, all names together. Each may hold a window of bytes both ways. */
  readonly maxRequests: number;
  readonly maxRequestsPerListener: number;
  /** Longest time a listener may leave a request without a sign: taking of its body, or the head of the answer. */
  readonly answerTimeoutMs: number;
  /** For this long after the node began to lead, requests wait for listeners to come back instead of failing. */
  readonly settleMs: number;
  /** Longest time requests under way get to finish when the node leads no more. */
  readonly drainMs: number;
}
