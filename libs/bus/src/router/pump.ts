import type { ReadMessage } from '@message-vault/log';
import type { RouterPolicy } from '@message-vault/metadata';
import type { Alarms } from './alarms.ts';
import type { Cursor } from './cursors-document.ts';
import type { Intake } from './intake.ts';
import type { DispatcherPorts } from './ports.ts';
import type { StreamPlace } from './position.ts';
import type { SendBudget } from './send-budget.ts';

/** What a pump is told of the subscription it works for, and how it tells what has become of it. */
export interface PumpContext {
  /** Name of the router. */
  readonly router: string;
  readonly subscriptionId: string;
  readonly ports: DispatcherPorts;
  readonly intake: Intake;
  readonly alarms: Alarms;
  readonly budget: SendBudget;
  /** Of the term: aborts what is in flight. */
  readonly signal: AbortSignal;
  policy(): RouterPolicy;
  /** Whether the message is for this subscriber at all. Must give the same answer whenever it is asked. */
  accepts(message: ReadMessage): boolean;
  /** `accepts` is true for every message: batches need not be opened. */
  acceptsAll(): boolean;
  /** Nothing at or beyond this offset is read (yet). */
  readTo(): number;
  /** `cursor` has changed: to be saved some time. */
  moved(): void;
  /** Resolves when what was changed so far is saved. */
  saved(): Promise<void>;
  deadLetter(message: ReadMessage, reason: string): Promise<void>;
  /** The target is gone for good: the pump has stopped itself. */
  ended(reason: string): void;
}

/** The part of a context that a pump would have, for what is given up on behalf of somebody who is gone. */
export const NO_PUMP = {
  accepts: () => false,
  acceptsAll: () => false,
  readTo: () => 0,
  moved: () => {},
  ended: () => {},
};

/** Takes what a router's stream holds from a cursor on to one subscriber. Never throws; asks for nothing while idle. */
export interface Pump {
  /** Everything before it is dealt with. */
  readonly cursor: Cursor;
  /** How far it has read: who gets what before that is decided. */
  readonly next: StreamPlace;
  /**
   * Between the cursor and this offset may lie what the target has, and knows by the numbers it was sent under: it must not
   * be sent under others.
   */
  readonly reached: number;
  readonly lastError: PumpError | undefined;
  /** The last tries failed. */
  readonly failing: boolean;
  /** There may be something to do: the stream has grown, there is room again. */
  kick(): void;
  /** Begins nothing more; resolves when nothing is in flight. */
  stop(): Promise<void>;
}

export interface PumpError {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly reason: string;
}
