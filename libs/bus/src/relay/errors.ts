export type RelayErrorCode =
  /** Nobody serves the name. */
  | 'no_listener'
  /** All who serve the name, or this node, have as many requests under way as they take. */
  | 'busy'
  /** As many serve the name, or are connected to this node, as may be. */
  | 'too_many_listeners'
  /** This node does not lead, so it is not where listeners and requests meet. */
  | 'not_leader'
  /** The request was given to a listener, which broke off: it may have acted on it or not. */
  | 'listener_failed'
  /** The listener has not begun to answer in time: it may have acted on the request or not. */
  | 'timed_out'
  /** The head of the request is larger than the protocol carries. */
  | 'head_too_large'
  /** Whoever asked has gone. */
  | 'client_gone';

/** A request could not be relayed, or a listener not be taken. */
export class RelayError extends Error {
  override readonly name = 'RelayError';
  readonly code: RelayErrorCode;

  constructor(code: RelayErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
  }
}
