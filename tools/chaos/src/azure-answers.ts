import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

const WORDS = {
  500: {
    code: 'InternalError',
    message: 'Server encountered an internal error. Please try again after some time.',
  },
  503: { code: 'ServerBusy', message: 'The server is busy.' },
} as const;

/**
 * Answers as Azure Storage does when it is in trouble: its XML error body and headers.
 * Source: Microsoft, "Status and error codes" of the storage services REST API.
 */
export function storageError(
  answer: ServerResponse,
  error: { status: 500 | 503; retryAfterSeconds: number | undefined; to: IncomingMessage },
): void {
  const { code, message } = WORDS[error.status];
  const requestId = randomUUID();
  const time = new Date().toISOString();
  const body =
    '<?xml version="1.0" encoding="utf-8"?>' +
    `<Error><Code>${code}</Code><Message>${message}\nRequestId:${requestId}\nTime:${time}</Message></Error>`;
  if (error.retryAfterSeconds !== undefined) answer.setHeader('retry-after', error.retryAfterSeconds);
  answer.writeHead(error.status, message, {
    'content-type': 'application/xml',
    'content-length': Buffer.byteLength(body),
    'x-ms-error-code': code,
    'x-ms-request-id': requestId,
    'x-ms-version': String(error.to.headers['x-ms-version'] ?? '2025-11-05'),
  });
  answer.end(error.to.method === 'HEAD' ? undefined : body);
}
