import type { IncomingHttpHeaders } from 'node:http';
import type { CommonPolicy, Limits, NameRole } from '@message-vault/metadata';
import type { Logger, Metrics } from '@message-vault/telemetry';

/** The part of a policy that is about who may do what, and how. */
export type AccessPolicy = Pick<CommonPolicy, 'authorization' | 'discoverability' | 'transportProtection'>;

/** What a request wants to do, for whoever decides whether it may. */
export interface AccessQuestion {
  /** `publish` and `read` messages of `name`, `discover` names, `observe` or `manage` the node. */
  readonly action: 'publish' | 'read' | 'discover' | 'observe' | 'manage';
  /** Undefined when it is about the node. */
  readonly name: string | undefined;
  /** Role of the name, where it has one. */
  readonly role?: NameRole | undefined;
  /** What its policy says of who may: credentials may not be needed at all. */
  readonly policy?: AccessPolicy | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string | undefined;
}

/** Returns if the request may go on; throws HttpProblem `unauthorized` or `forbidden` otherwise. */
export type Authorize = (question: AccessQuestion) => void | Promise<void>;

export interface HttpOptions {
  readonly limits: Pick<Limits, 'http' | 'read' | 'sse' | 'webSocket' | 'relay' | 'listener' | 'queue'>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Version of the program, shown at `/`. */
  readonly version: string;
  /**
   * A proxy in front of this node ends TLS, says so in X-Forwarded-Proto, and no client gets past it. Without that the
   * header proves nothing.
   */
  readonly trustForwardedProto?: boolean | undefined;
  /** Asked before every request but the health checks. Without it everybody may do everything. */
  readonly authorize?: Authorize | undefined;
}
