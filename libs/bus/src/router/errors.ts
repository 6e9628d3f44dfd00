/** Why a router did not do what was asked. */
export type RouterErrorCode =
  /** This node does not lead, or does not lead any more. */
  | 'not_leader'
  /** The router has just been removed, or replaced by another of its name. */
  | 'router_gone'
  | 'no_such_subscription'
  /** What is subscribed is no name, no role that takes messages, or contradicts itself. */
  | 'bad_target'
  /** The name to be subscribed has no role. */
  | 'no_such_target'
  /** What flows in would come back to where it came from. */
  | 'cycle'
  | 'too_many_subscribers'
  /** A start or an end that such a subscription can't have. */
  | 'bad_request'
  /** Too much waits for a subscriber, and the router's policy says to take in nothing more. */
  | 'buffer_full'
  /** Storage does not answer. What was asked may have been done. */
  | 'storage_unavailable';

/** Expected failure of an operation on a router. */
export class RouterError extends Error {
  override readonly name = 'RouterError';
  readonly code: RouterErrorCode;

  constructor(code: RouterErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
  }
}

/** True for a RouterError of one of `codes` (of any code, when none is given). */
export function isRouterError(error: unknown, ...codes: RouterErrorCode[]): error is RouterError {
  return error instanceof RouterError && (codes.length === 0 || codes.includes(error.code));
}
