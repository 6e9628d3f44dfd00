import { WebhookError } from './errors.ts';
import type { WebhookGrant } from './target.ts';
import type { WebhookAnswer } from './transport.ts';

/*
 * CloudEvents, "HTTP 1.1 Web Hooks for Event Delivery" 1.0.2, part 4: consent is the header WebHook-Allowed-Origin that
 * names who asked, or everybody. Status codes say nothing there; a redirect or a server error is no consent here, though.
 */

/** What the answer to a handshake of `origin` allows. Throws WebhookError `handshake_refused` and `handshake_failed`. */
export function grantOf({ status, headers }: WebhookAnswer, origin: string): WebhookGrant {
  if (status >= 500) throw new WebhookError('handshake_failed', `the handshake was answered with ${status}`);
  if (status >= 300 && status < 400)
    throw refused(`answered with ${status}, a redirect, and redirects are not followed`);
  const allowed = headers['webhook-allowed-origin'];
  if (allowed === undefined) {
    throw refused(
      `answered with ${status} but without WebHook-Allowed-Origin: expected ${origin} or * in it`,
    );
  }
  if (allowed !== '*' && allowed.toLowerCase() !== origin.toLowerCase())
    throw refused(`answered with another WebHook-Allowed-Origin: expected ${origin} or *`);
  return { origin, allowedRatePerMinute: rateOf(headers['webhook-allowed-rate']) };
}

/** Undefined without a limit. */
function rateOf(value: string | undefined): number | undefined {
  if (value === undefined || value === '*') return undefined;
  if (!/^[1-9]\d{0,8}$/.test(value))
    throw refused('answered with a WebHook-Allowed-Rate that is neither * nor a number of requests a minute');
  return Number(value);
}

function refused(how: string): WebhookError {
  return new WebhookError('handshake_refused', `the handshake was ${how}`);
}
