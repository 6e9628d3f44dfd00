import type { Alarms } from './alarms.ts';
import type { ClaimedDocument } from './claimed-document.ts';
import type { Gap, RouterCursors } from './cursors-document.ts';
import type { Intake } from './intake.ts';
import type { Attachment, ListenerEnd, RouterListener } from './listener.ts';
import type { DispatcherPorts } from './ports.ts';
import type { StreamPlace } from './position.ts';
import type { Pump, PumpContext } from './pump.ts';
import type { Subscription } from './state-document.ts';

/** What a way of distributing has to work with. */
export interface DistributionHost {
  readonly ports: DispatcherPorts;
  readonly alarms: Alarms;
  readonly intake: Intake;
  readonly cursors: ClaimedDocument<RouterCursors>;
  /** Where the router's stream ends. */
  tail(): StreamPlace;
  /** A context for a pump, to be completed. */
  contextFor(
    subscriptionId: string,
    parts: Pick<PumpContext, 'accepts' | 'acceptsAll' | 'readTo' | 'moved' | 'ended'>,
  ): PumpContext;
  /** Tries a message gets before it is given up. */
  maxAttempts(): number;
  /** Of a subscription as it is now. */
  subscription(id: string): Subscription | undefined;
  /** The target is gone for good. */
  ended(subscriptionId: string, reason: string): void;
}

/** Who gets which message: `all` or `one`. */
export interface Distribution {
  /** Begins with the subscriptions that are active. */
  start(subscriptions: readonly Subscription[]): Promise<void>;
  /** A subscription has become active. Resolves when that will outlive this leader. */
  add(subscription: Subscription): Promise<void>;
  /** A subscription is not active any more, for good or (paused) for a time. */
  remove(subscriptionId: string, how: 'paused' | 'removed'): Promise<void>;
  attach(listener: RouterListener): Promise<Attachment>;
  /** The stream has grown. */
  kick(): void;
  pump(subscriptionId: string): Pump | undefined;
  /** Where a subscription has got to. */
  cursor(subscriptionId: string): StreamPlace | undefined;
  /** Where each listener that is connected has got to. */
  readonly listeners: readonly StreamPlace[];
  /** What lies before it may have been sent to a stream or router, and must not be sent under other numbers. */
  reached(subscriptionId: string): number;
  /** Leaves out everything before `to` that this subscription has not had. */
  jump(subscriptionId: string, to: StreamPlace): Promise<void>;
  /** Lets this subscription not have what lies in a gap at the end of the stream, where nobody has read yet. */
  discard(subscriptionId: string, gap: Gap): void;
  /** What it will not have of what it has not had. */
  gaps(subscriptionId: string): readonly Gap[];
  /** Nothing before this offset is needed any more. */
  neededFrom(): number;
  /** Resolves when nothing is in flight. */
  stop(why: ListenerEnd): Promise<void>;
}
