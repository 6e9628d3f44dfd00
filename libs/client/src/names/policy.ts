import type { PolicyRole } from '@message-vault/metadata';

/** `60s`, `5m`, `7d`, or ISO 8601: `PT60S`. */
export type Duration = string;

/**
 * What a name does, as in docs/http.md. Nothing has to be given but a role where the name has none yet; each role has
 * fields of its own, and others are refused.
 */
export interface PolicyFields {
  readonly role?: PolicyRole | undefined;
  readonly authorization?: 'none' | 'required' | 'required-to-send' | 'required-to-receive' | undefined;
  readonly discoverability?: 'managers' | 'listeners' | 'senders' | 'public' | undefined;
  /** RFC 3339: when the role goes back to none by itself. */
  readonly expirationInstant?: string | undefined;
  readonly transportProtection?: 'none' | 'all-paths' | undefined;
  /** Bytes of a value. */
  readonly maxMessageSize?: number | undefined;
  /** Queues: how long a message may wait. Streams: how long it is kept. */
  readonly maxMessageAge?: Duration | undefined;
  readonly maxQueueLength?: number | undefined;
  /** Bytes. */
  readonly maxQueueCapacity?: number | undefined;
  readonly overflow?: 'reject' | 'discard-incoming' | 'discard-existing' | undefined;
  readonly lockDuration?: Duration | undefined;
  readonly maxDequeueRetries?: number | undefined;
  readonly poisonMessageDrop?: boolean | undefined;
  readonly enqueueTimeout?: Duration | undefined;
  readonly maxConcurrentReaders?: number | undefined;
  readonly messageDistribution?: 'all' | 'one' | undefined;
  readonly maxSubscribers?: number | undefined;
  readonly pushDeliveryRetries?: number | undefined;
  readonly pushDeliveryTimeout?: Duration | undefined;
  readonly bufferTimeout?: Duration | undefined;
  readonly retentionAge?: Duration | undefined;
  /** Bytes. */
  readonly retentionBytes?: number | undefined;
  /** Bytes. */
  readonly segmentBytes?: number | undefined;
  /** Role metadata: what the name stands for. */
  readonly uri?: string | undefined;
}

/** The policy in force, all its fields filled in. */
export interface NamePolicy {
  readonly name: string;
  readonly role: PolicyRole;
  /** Changes with every change of the policy. */
  readonly etag: string | undefined;
  readonly policy: PolicyFields;
}
