import type { Position, ReadMessage } from '@message-vault/log';

/** Why the router let go of a listener. */
export type ListenerEnd =
  /** The same listener has connected again: the newer connection goes on. */
  | 'replaced'
  /** The name is no router any more. */
  | 'router_gone'
  /** This node does not lead any more: the listener finds the next leader through any node. */
  | 'not_leader'
  /** What it was given was not acknowledged in time, again and again. */
  | 'too_slow';

/**
 * A subscriber that is connected: the end of a WebSocket or of an event stream. Made by whoever holds the connection;
 * none of its methods throws or waits.
 */
export interface RouterListener {
  /** A UUID chosen by the client: whoever comes back with it soon is the same subscriber. */
  readonly id: string;
  /** Text of a filter; only messages that match are offered. */
  readonly filter?: string | undefined;
  /** Distribution `all` only: where to begin. What comes from now on, when not given. */
  readonly from?: Position | undefined;
  /**
   * Never called before `attach` has resolved.
   * `taken`: the message is on its way to the client and will be acknowledged, or the listener detached.
   * `full`: it takes no more now; it is offered again after the attachment's `room` was called.
   */
  offer(message: ReadMessage): 'taken' | 'full';
  /** The acknowledgement of the message at `offset` is durable: nobody else will ever be given it. */
  acknowledged(offset: number): void;
  /** Nothing is offered any more. Called at most once, and never after `detach`. */
  ended(why: ListenerEnd): void;
}

/** What an attached listener tells the router. */
export interface Attachment {
  /** The client has dealt with the message at `offset`. Each message on its own; unknown offsets are passed over. */
  acknowledge(offset: number): void;
  /** There is room again after an offer was answered with `full`. */
  room(): void;
  /** The connection is gone. What was not acknowledged is kept for the listener for a while, then given to others. */
  detach(): void;
}
