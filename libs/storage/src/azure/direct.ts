import { apiVersion, authorizationFor, type Endpoint, heed } from './endpoint.ts';
import type { HttpAnswer, HttpRequest } from './http-pool.ts';

export interface DirectRequest {
  readonly method: HttpRequest['method'];
  /** Below the account, encoded, without a slash at its beginning. */
  readonly path: string;
  /** Without what authorizes it: `comp=…`, for one. */
  readonly query?: string;
  readonly headers: Record<string, string>;
  readonly body?: Uint8Array | string;
  readonly maxAnswerBytes: number;
}

/** Error answers are a few hundred bytes of XML. */
export const smallAnswer = 64 * 1024;

/** A request made without the SDK: for the calls that carry the data, where its cost shows. */
export async function sendDirect(
  endpoint: Endpoint,
  request: DirectRequest,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const authorization = await authorizationFor(endpoint, signal);
  const { query, headers } = authorization;
  const path = `${endpoint.basePath}/${request.path}`;
  const queries = [request.query, query].filter((part) => part !== undefined && part !== '');
  const answer = await endpoint.pool.send(
    {
      method: request.method,
      path: queries.length === 0 ? path : `${path}?${queries.join('&')}`,
      headers: { ...headers, ...request.headers, 'x-ms-version': apiVersion },
      body: request.body,
      maxAnswerBytes: request.maxAnswerBytes,
    },
    signal,
  );
  heed(endpoint, authorization, answer);
  return answer;
}

export function blobPath(container: string, blob: string): string {
  return `${container}/${blob.split('/').map(encodeURIComponent).join('/')}`;
}
