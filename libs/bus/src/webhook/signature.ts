import { Buffer } from 'node:buffer';
import { createHmac } from 'node:crypto';
import type { Runtime } from '@message-vault/runtime';
import { WebhookError } from './errors.ts';

/*
 * Standard Webhooks 1.0.0 (github.com/standard-webhooks/standard-webhooks), symmetric signatures: HMAC-SHA256 of
 * `{id}.{timestamp}.{body}`, written `v1,` and base64. Several signatures are separated by spaces.
 */

const PREFIX = 'whsec_';
const SECRET_BYTES = 32;
/** What the specification allows. */
const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;

/** A new secret: `whsec_` and 32 random bytes in base64. */
export function newWebhookSecret(runtime: Runtime): string {
  return PREFIX + Buffer.from(runtime.randomBytes(SECRET_BYTES)).toString('base64');
}

/** Throws WebhookError `bad_secret`. Its message never holds the secret. */
export function checkWebhookSecret(secret: string): void {
  keyOf(secret);
}

export interface Signed {
  readonly id: string;
  /** Seconds since 1970, when it is sent. */
  readonly timestamp: number;
  readonly body: Uint8Array;
}

/** The value of `webhook-signature`: a signature with each of the secrets. Throws WebhookError `bad_secret`. */
export function signaturesOf(signed: Signed, secrets: readonly string[]): string {
  return secrets.map((secret) => signatureOf(signed, secret)).join(' ');
}

function signatureOf({ id, timestamp, body }: Signed, secret: string): string {
  const hmac = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.`).update(body);
  return `v1,${hmac.digest('base64')}`;
}

function keyOf(secret: string): Buffer {
  const base64 = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  const key = Buffer.from(base64, 'base64');
  const wellFormed = key.toString('base64').replace(/=+$/, '') === base64.replace(/=+$/, '');
  if (!wellFormed || key.byteLength < MIN_SECRET_BYTES || key.byteLength > MAX_SECRET_BYTES) {
    throw new WebhookError(
      'bad_secret',
      `expected ${PREFIX} and the base64 of ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes`,
    );
  }
  return key;
}
