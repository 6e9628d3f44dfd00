/** What a target has agreed to in the handshake. */
export interface WebhookGrant {
  /** The DNS name under which this vault asked. Every push names it. */
  readonly origin: string;
  /** Pushes a minute. Undefined: as many as there are. */
  readonly allowedRatePerMinute?: number | undefined;
}

/** Where a subscription pushes to, with what the handshake brought (undefined before it). */
export interface WebhookTarget extends Partial<WebhookGrant> {
  readonly url: string;
  /** `whsec_…`, the newest first. Each signs, so that a receiver may change over when it likes. */
  readonly secrets: readonly string[];
}
