export interface RouterSetup {
  readonly name: string;
  readonly distribution: 'all' | 'one';
  /** Names and subscribers, in the order in which they are subscribed. */
  readonly targets: readonly string[];
}

export interface QueueSetup {
  readonly name: string;
  readonly lockSeconds: number;
  readonly maxDequeueRetries: number;
  /** Messages it takes, and what becomes of those it has no room for; undefined for as many as come. */
  readonly limit?:
    | { readonly messages: number; readonly overflow: Overflow; readonly maxMessageSize: number }
    | undefined;
}

export type Overflow = 'reject' | 'discard-incoming' | 'discard-existing';

/** Somebody who puts messages into a queue. */
export interface SenderSetup {
  readonly name: string;
  readonly queue: string;
  /** Average pause between two requests. */
  readonly pauseMs: number;
  readonly mostMessages: number;
  /** Times to live; 0 for ever. */
  readonly ttlsMs: readonly number[];
  /** Share of its messages that are stored apart. */
  readonly large?: number | undefined;
}

/** Somebody who is pushed to. */
export interface SinkSetup {
  readonly name: string;
  /** Share of pushes that are refused with a 503. */
  readonly refuse: number;
  /** Share of pushes that are never answered. */
  readonly hang: number;
  readonly mostWorkMs: number;
}

/** Somebody who stays connected to a router, and comes back. */
export interface ListenerSetup {
  readonly name: string;
  readonly router: string;
  /** Messages it takes before it has acknowledged some. */
  readonly window: number;
  readonly mostWorkMs: number;
  /** How long it stays away when its connection has gone, at most. */
  readonly mostAwayMs: number;
}

export interface QueueConsumerSetup {
  readonly name: string;
  readonly queue: string;
  /** Shares of messages it treats so; what is left is acknowledged. */
  readonly giveBack: number;
  readonly bury: number;
  readonly forget: number;
  /** Holds the message beyond its lock, and acknowledges it then. */
  readonly dawdle: number;
  readonly renew: number;
  readonly mostWorkMs: number;
}

/** A condition on what one target of a router gets. */
export interface FilterSetup {
  readonly router: string;
  readonly target: string;
  /** As a node is told it. */
  readonly text: string;
  /** Labels of the messages that fulfil it. */
  readonly labels: readonly string[];
}

/** A target of a router whose subscription ends by itself. */
export interface ExpirySetup {
  readonly router: string;
  readonly target: string;
  /** Virtual milliseconds. */
  readonly atMs: number;
}

/** How many messages may wait for one target of a router, and what becomes of more. */
export interface RouterLimitSetup {
  readonly router: string;
  readonly messages: number;
  readonly overflow: Overflow;
}

/** A subscription that somebody pauses and resumes. */
export interface PausedSetup {
  readonly router: string;
  readonly target: string;
}

/** Somebody who pauses subscriptions and resumes them until the faults are over. */
export interface PausesSetup {
  /** Average pause between two requests. */
  readonly everyMs: number;
  /** How many of the requests are to pause: a share. */
  readonly share: number;
  readonly targets: readonly PausedSetup[];
  /** Requests may come a second time, much later. */
  readonly copies: boolean;
}

/** What policies and subscriptions say besides, in runs that are about that. */
export interface PoliciesSetup {
  readonly filters: readonly FilterSetup[];
  /** Somebody brings dead letters back, every so often on average; undefined for nobody. */
  readonly redriveEveryMs: number | undefined;
  /** Of routers. */
  readonly pushDeliveryRetries: number;
  readonly senders: readonly SenderSetup[];
  readonly expiry?: ExpirySetup | undefined;
  readonly routerLimits?: readonly RouterLimitSetup[] | undefined;
}

/** What is composed of names in a run, and who is at its ends. */
export interface BusSetup {
  /** Nothing goes wrong before: names get their roles and are subscribed to each other. Virtual milliseconds. */
  readonly settledMs: number;
  /** Pause between two rounds of retention and tidying up: over all names, so not as often as in runs of one or two streams. */
  readonly roundsEveryMs: number;
  readonly routers: readonly RouterSetup[];
  readonly queues: readonly QueueSetup[];
  readonly sinks: readonly SinkSetup[];
  readonly listeners: readonly ListenerSetup[];
  readonly consumers: readonly QueueConsumerSetup[];
  /** Names that come, change and go while all this happens. */
  readonly managed: readonly string[];
  /** How often it is the policy of a queue of the composition that is changed instead: a share. */
  readonly tunes: number;
  readonly pushTimeoutSeconds: number;
  readonly pauses?: PausesSetup | undefined;
  readonly policies?: PoliciesSetup | undefined;
}

/** The text of the filter a target of a router has, if any. */
export function filterOf({ policies }: BusSetup, router: string, target: string): string | undefined {
  return policies?.filters.find((filter) => filter.router === router && filter.target === target)?.text;
}
