import type { Leadership } from '@message-vault/log';
import type { Runtime } from '@message-vault/runtime';
import type { DocumentStore, LeaseStore } from '@message-vault/storage';
import type { AlarmCode } from './alarms.ts';
import type { HandoverResult } from './handover.ts';
import type { ClusterHint, ProbePort, StorageSightings, WitnessAnswer } from './ports.ts';
import type { ElectionSettings } from './settings.ts';
import type { ElectionState } from './state.ts';

/** What the election asks of the node it runs in. */
export interface ElectionEvents {
  /** This node leads from now on, until `stepDown`. A rejection ends the term. */
  lead(leadership: Leadership): Promise<void> | void;
  /**
   * Finish what is in flight and hold what comes new; the term ends when this settles, either way. Followed by exactly one of
   * `stepDown` (forward what is held to the new leader) and `lead` (nobody took over: go on, under a new epoch).
   */
  drain(): Promise<void>;
  /** This node does not lead any more. */
  stepDown(reason: string): void;
  /** Something a person should know began. */
  alarm(code: AlarmCode, message: string): void;
  /** Role, leader or alarms are not what they were. */
  changed(state: ElectionState): void;
}

export interface ElectionOptions {
  /** Unique in the cluster. */
  readonly nodeId: string;
  /** Base URL at which other nodes reach this one and no other, without a slash at its end. */
  readonly url: string;
  /** Decides who tries first when the cluster starts cold, and nothing else. */
  readonly wantsToLead: boolean;
  /** False for a node that only wants to know who leads: its role is `standby`, and it never contends. */
  readonly mayLead?: boolean;
  readonly leases: LeaseStore;
  readonly documents: DocumentStore;
  readonly probes: ProbePort;
  /** Base URLs of nodes to ask whether they reach the leader. */
  readonly witnesses: () => readonly string[];
  /** Base URLs of the other nodes that may lead: whom to hand over to, and whom to tell of a new leader. */
  readonly peers?: () => readonly string[];
  /** What the rest of this process sees of the storage. */
  readonly storageSightings?: StorageSightings;
  readonly runtime: Runtime;
  readonly settings?: Partial<ElectionSettings>;
  readonly events: ElectionEvents;
}

export interface Election {
  start(): void;
  /** Hands over if this node leads and another one stands by, lets go of the lease in any case, and ends. */
  stop(): Promise<void>;
  /** Planned: resolves when another node leads, or when it is certain that none does. Throws ElectionError. */
  handover(): Promise<HandoverResult>;
  /** Takes what another node said. True when it was of use; for `take-over`, when this node leads because of it. */
  hint(hint: ClusterHint): Promise<boolean>;
  /** Answers another node that asks whether the leader at `leaderUrl` can be reached from here. */
  witness(leaderUrl: string): Promise<WitnessAnswer>;
  state(): ElectionState;
  /** The term being led; undefined when not leading. */
  readonly leadership: Leadership | undefined;
}
