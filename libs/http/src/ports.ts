import type { Queues, Relay, Routers } from '@message-vault/bus';
import type { BatchHeader } from '@message-vault/framing';
import type { AppendResult, StreamReader } from '@message-vault/log';
import type {
  NameDocument,
  NameRole,
  NameSummary,
  RolePolicy,
  StreamDocument,
} from '@message-vault/metadata';

/** Who leads, as far as this node knows. */
export interface LeaderInfo {
  readonly nodeId: string;
  /** Base URL, without a slash at its end. */
  readonly url: string;
  readonly epoch: number;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** This node in one glance. Asked for with every request: has to be at hand. */
export interface NodeStatus {
  readonly nodeId: string;
  /** As in `Vault-Role`: `leading`, `standby`, `reading`, … */
  readonly role: string;
  /** Newest epoch this node knows of; 0 for none. */
  readonly epoch: number;
  readonly leader: LeaderInfo | undefined;
  /** UUID of this process' life: tells a node that came back from the one that went. */
  readonly instanceId: string;
  /** True when a publish can be done here; otherwise it is passed on to the leader. */
  readonly takesWrites: boolean;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not. */
  readonly reason?: string | undefined;
}

/** What every node says alike about the cluster, and about itself. Further fields go out as they are. */
export interface ClusterView {
  readonly leader: LeaderInfo | null;
  readonly self: { readonly nodeId: string; readonly role: string } & Readonly<Record<string, unknown>>;
  readonly [more: string]: unknown;
}

export interface PublishRequest {
  readonly name: string;
  /** Checked: length, CRC, count, records. */
  readonly batch: Uint8Array;
  readonly header: BatchHeader;
  /** Append only if this is the sequence number that comes next. */
  readonly expectedSequenceNumber: number | undefined;
}

/** A reader that stays open until it is let go of. */
export interface ReaderLease {
  readonly reader: StreamReader;
  release(): void;
}

export interface NameEntry {
  readonly name: string;
  readonly role: NameRole;
}

export interface NamePage {
  readonly names: readonly NameEntry[];
  /** Where the next page starts; undefined on the last. */
  readonly cursor: string | undefined;
}

/** A name that may become part of a listing. */
export interface SeenName {
  readonly name: string;
  readonly summary: NameSummary;
}

export interface PageRequest {
  readonly cursor: string | undefined;
  readonly limit: number;
  /** Whether a name is shown to whoever asks; without it all are. A page may have fewer names for it. */
  readonly sees?: ((name: SeenName) => boolean | Promise<boolean>) | undefined;
}

/** Read access to a stream's segments, straight from storage. */
export interface AccessGrant {
  /** Container URL with its SAS: a secret. */
  readonly url: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** Names of the segments there are now, oldest first. */
  readonly segments: readonly string[];
}

export type HandoverResult =
  | { readonly done: true; readonly leader: LeaderInfo }
  | { readonly done: false; readonly reason: string };

export interface ForwardRequest {
  readonly method: string;
  /** Path and query, to be put behind the leader's base URL. */
  readonly path: string;
  /** Without those that belong to one connection only; with `Vault-Forwarded` naming all nodes it came through. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Bytes can be sent again, to another leader; a stream only once. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
  /** The answer may go on, and be silent, for as long as it likes; only its head has to come within this time. */
  readonly lasting?: { readonly headersTimeoutMs: number } | undefined;
}

export interface ForwardAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Names and their policies. Errors besides: LogError, StorageError, HttpProblem. */
export interface NamesPort {
  /** What is known of a name, from storage and not from memory. */
  read(name: string): Promise<NameDocument | undefined>;
  /** Another node has just changed `name`: what is remembered of it is not to be used. */
  outdate(name: string): void;
  /** Gives a name its role. On the leader only. Throws `name_taken`. */
  assign(name: string, policy: RolePolicy): Promise<NameDocument>;
  /** Gives a name the policy that `edit` makes of what it has now; `edit` may throw. On the leader only. */
  change(name: string, edit: (document: NameDocument) => RolePolicy): Promise<NameDocument>;
  /** Takes a name's role and contents unless `check` throws. On the leader only. Throws `no_such_name`. */
  remove(name: string, check: (document: NameDocument) => void): Promise<void>;
}

/**
 * What the HTTP interface needs of the node around it. The node implements it; HTTP keeps no state of the vault.
 *
 * Errors that reach a client with a status of their own: LogError, StorageError, NameError and ForwardError. Anything
 * else is a bug, is logged, and is answered with 500.
 */
export interface NodePorts {
  status(): NodeStatus;
  /** False when the event loop or the process can't be trusted any more. */
  live(): boolean;
  /** Whether this node can do its role's work now. */
  ready(): Readiness;
  cluster(): ClusterView | Promise<ClusterView>;
  /** Takes what another node said of the cluster; never trusted. True when it was of use. Throws HttpProblem for nonsense. */
  clusterHint(hint: unknown): Promise<boolean>;
  /** Whether the leader at `leaderUrl` is reached from here. Throws HttpProblem when that is not the leader's address. */
  witness(leaderUrl: string): Promise<boolean>;
  /** Makes another node the leader and answers when it leads. Called on the leader only. */
  handover(): Promise<HandoverResult>;
  /** Prometheus text. */
  metricsText(): Promise<string>;

  /** What is known of a name; undefined when its role is none. */
  lookup(name: string): NameDocument | undefined | Promise<NameDocument | undefined>;
  listNames(prefix: string, page: PageRequest): Promise<NamePage>;
  /** Names directly below `name`; those that only lead to others have the role none. */
  listChildren(name: string, page: PageRequest): Promise<NamePage>;
  readonly names: NamesPort;

  /** Appends a checked batch, making a stream of the name if its role is none. */
  publish(request: PublishRequest): Promise<AppendResult>;
  /** Passes a request on to the leader. Throws ForwardError. */
  forward(request: ForwardRequest): Promise<ForwardAnswer>;

  /** Shared by all who read the stream. */
  acquireReader(document: StreamDocument): ReaderLease;
  /** All queues; every node works with them. */
  readonly queues: Queues;
  /** All routers; only the leader works with them. */
  readonly routers: Routers;
  /** Where requests to connection points meet their listeners; open on the leader only. */
  readonly relay: Relay;
  /** Undefined where the storage can't hand out access. */
  grantAccess(document: StreamDocument): Promise<AccessGrant | undefined>;
}

/**
 * `no_leader`: none is known, or the one known is this node itself.
 * `leader_unreachable`: it did not take the request; nothing was done.
 * `outcome_unknown`: it was sent and no answer came.
 */
export type ForwardErrorCode = 'no_leader' | 'leader_unreachable' | 'outcome_unknown';

/** A request could not be passed on to the leader. */
export class ForwardError extends Error {
  override readonly name = 'ForwardError';
  readonly code: ForwardErrorCode;

  constructor(code: ForwardErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
  }
}
