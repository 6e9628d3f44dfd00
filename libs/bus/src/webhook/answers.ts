import type { DeliveryResult } from '../router/delivery.ts';
import type { WebhookAnswer } from './transport.ts';

/** What the answer to a push means. The first row that covers the status counts. */
interface AnswerRule {
  readonly from: number;
  readonly to: number;
  readonly outcome: Exclude<DeliveryResult['outcome'], 'later'>;
  readonly says: string;
}

/**
 * `refused` is only what can't be but about this very message. Everything that a deployment, a wrong setting or
 * an expired credential at the receiver also brings about is tried again: then nothing is dead-lettered in minutes.
 */
const answerRules: readonly AnswerRule[] = [
  { from: 200, to: 299, outcome: 'delivered', says: 'accepted' },
  { from: 300, to: 399, outcome: 'retry', says: 'a redirect, and redirects are not followed' },
  { from: 410, to: 410, outcome: 'gone', says: 'gone' },
  { from: 413, to: 413, outcome: 'refused', says: 'the body is too large for it' },
  { from: 415, to: 415, outcome: 'refused', says: 'it does not take this content type' },
  { from: 422, to: 422, outcome: 'refused', says: 'it can not process this message' },
  { from: 431, to: 431, outcome: 'refused', says: 'the headers are too large for it' },
  { from: 400, to: 599, outcome: 'retry', says: 'not accepted' },
];

export interface AnswerContext {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** A longer Retry-After is cut to this. */
  readonly maxRetryAfterMs: number;
}

export function resultOf(answer: WebhookAnswer, context: AnswerContext): DeliveryResult {
  const rule = answerRules.find(({ from, to }) => answer.status >= from && answer.status <= to);
  const reason = `answered ${answer.status}: ${rule?.says ?? 'no status that means anything'}`;
  switch (rule?.outcome) {
    case 'delivered':
      return { outcome: 'delivered' };
    case 'gone':
      return { outcome: 'gone', reason };
    case 'refused':
      return { outcome: 'refused', reason };
    default:
      return { outcome: 'retry', reason, afterMs: retryAfterMs(answer.headers['retry-after'], context) };
  }
}

/** Retry-After is a number of seconds or an HTTP date (RFC 9110, 10.2.3). Undefined when it is neither. */
export function retryAfterMs(
  value: string | undefined,
  { now, maxRetryAfterMs }: AnswerContext,
): number | undefined {
  if (value === undefined) return undefined;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1000 : httpDate(value) - now;
  if (Number.isNaN(waitMs)) return undefined;
  return Math.min(Math.max(waitMs, 0), maxRetryAfterMs);
}

const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

function httpDate(value: string): number {
  return HTTP_DATE.test(value) ? Date.parse(value) : Number.NaN;
}
