import type { TargetRules } from './address-rules.ts';

/** What the sender of webhooks is told. All have defaults. */
export interface WebhookSettings extends TargetRules {
  /** Pushes under way to one URL at once; one only while it has not answered yet, or did not the last time. */
  readonly concurrencyPerTarget: number;
  /** Pushes under way in all. Half of them at most to targets that have not answered. */
  readonly maxConcurrent: number;
  /** Pushes that wait for a place or for the rate their target allows; more are put off. */
  readonly maxWaiting: number;
  /** Targets whose pace and standing are remembered; the one longest unused makes room. */
  readonly maxTargets: number;
  /** Bytes of an answer's body that are read (and thrown away) to keep the connection. */
  readonly maxAnswerBytes: number;
  /** How long the body of an answer may take after its head. */
  readonly answerBodyTimeoutMs: number;
  /** The longest a name look-up may take. */
  readonly lookupTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  /** A longer Retry-After is cut to this. */
  readonly maxRetryAfterMs: number;
}

export const defaultWebhookSettings: WebhookSettings = Object.freeze({
  allowPlainLoopback: false,
  allowedNetworks: [],
  concurrencyPerTarget: 16,
  maxConcurrent: 512,
  maxWaiting: 16_384,
  maxTargets: 4096,
  maxAnswerBytes: 16 * 1024,
  answerBodyTimeoutMs: 1000,
  lookupTimeoutMs: 5000,
  handshakeTimeoutMs: 10_000,
  maxRetryAfterMs: 3_600_000,
});
