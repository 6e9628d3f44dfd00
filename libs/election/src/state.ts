import type { LeaderDocument } from '@message-vault/metadata';
import type { Alarm } from './alarms.ts';
import type { ProbeReport } from './prober.ts';
import type { Role } from './roles.ts';
import type { WitnessReport } from './witness-round.ts';

/** A change of role, kept for whoever asks what happened. */
export interface RoleChange {
  readonly role: Role;
  readonly reason: string;
  /** Newest epoch known then. */
  readonly epoch: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not. */
  readonly reason: string | undefined;
}

/** Everything an operator may want to know of a node's part in the election. A snapshot: plain data. */
export interface ElectionState {
  readonly nodeId: string;
  readonly url: string;
  /** UUID of this process' life. */
  readonly instanceId: string;
  readonly role: Role;
  /** The epoch led under, or the newest one known; 0 when nobody ever led. */
  readonly epoch: number;
  /** Who leads, as far as known; null when nobody ever did. */
  readonly leader: LeaderDocument | null;
  /** Milliseconds since 1970: when this node took its role. */
  readonly since: number;
  /** Whether this node can do what its role asks of it. */
  readonly readiness: Readiness;
  /** Milliseconds the lease is still good for; null when not leading. */
  readonly leaseLeftMs: number | null;
  readonly lastProbe: ProbeReport | null;
  readonly probesFailed: number;
  readonly witnesses: readonly WitnessReport[];
  /** Id of the decision table's row that was last found to hold; null before the first look and while leading. */
  readonly decision: string | null;
  readonly storage: {
    /** Calls the election has made, since the start. */
    readonly calls: number;
    readonly answers: boolean;
  };
  readonly alarms: readonly Alarm[];
  /** The latest changes of role, oldest first. */
  readonly history: readonly RoleChange[];
}
