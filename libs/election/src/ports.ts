import type { Role } from './roles.ts';

/** What became of asking a node for its health. */
export interface ProbeResult {
  /** It answered that it can do its role's work. */
  readonly ok: boolean;
  readonly nodeId?: string | undefined;
  /** Of the process, new with every start: `ElectionState.instanceId` of whoever answered. */
  readonly instanceId?: string | undefined;
  readonly role?: Role | undefined;
  readonly epoch?: number | undefined;
  /** Since when the leader of that epoch leads, milliseconds since 1970. */
  readonly since?: number | undefined;
  /** Why it is not ready, in its own words. */
  readonly reason?: string | undefined;
  /** Set when there was no answer. `refused`: something at that address said that nobody listens there. */
  readonly failure?: 'refused' | 'timeout' | 'broken' | undefined;
}

export type WitnessAnswer = 'reachable' | 'unreachable' | 'no_answer';

/**
 * Something one node tells another so that it need not find out by itself. Never trusted: who gets one looks at the
 * storage, or asks the node named in it.
 */
export type ClusterHint =
  /** From a leader that has let go of the lease: please lead. */
  | { readonly kind: 'take-over'; readonly epoch: number }
  /** From a new leader. */
  | {
      readonly kind: 'leader-changed';
      readonly epoch: number;
      readonly nodeId: string;
      readonly url: string;
    };

/**
 * How a node reaches other nodes. Nothing here rejects: whatever goes wrong is an answer.
 * URLs are base URLs without a slash at their end.
 */
export interface ProbePort {
  /** Asks `url` for its health. */
  probe(url: string, timeoutMs: number): Promise<ProbeResult>;
  /** Asks the node at `witnessUrl` whether it reaches the leader at `leaderUrl` within `timeoutMs`. */
  askWitness(witnessUrl: string, leaderUrl: string, timeoutMs: number): Promise<WitnessAnswer>;
  /** Gives `hint` to the node at `url`. True when it was taken (for `take-over`: when that node leads). */
  notify(url: string, hint: ClusterHint, timeoutMs: number): Promise<boolean>;
}

/**
 * What this process sees of its storage beyond the election's own calls, to notice trouble before the next renewal.
 * Times are of the runtime's monotonic clock.
 */
export interface StorageSightings {
  /** When a call last ended without a trustworthy answer; -Infinity for never. */
  readonly lastSilenceAt: number;
  /** When the longest-running call in flight was sent; undefined when none is. */
  readonly oldestPendingAt?: number | undefined;
}
