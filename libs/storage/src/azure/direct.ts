import { type Access, apiVersion } from './access.ts';
import type { HttpAnswer, HttpRequest } from './http-pool.ts';

export interface DirectRequest {
  readonly method: HttpRequest['method'];
  readonly container: string;
  readonly blob: string;
  /** `comp=…`, where the operation has one. */
  readonly query?: string;
  readonly headers: Record<string, string>;
  readonly body?: Uint8Array;
  readonly maxAnswerBytes: number;
}

/** Error answers are a few hundred bytes of XML. */
export const smallAnswer = 64 * 1024;

/** A request about one blob, made without the SDK: for the calls that carry the data, where its cost shows. */
export async function sendDirect(
  access: Access,
  request: DirectRequest,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const { query, headers } = await access.authorize();
  const path = `${access.basePath}/${request.container}/${encodeBlobName(request.blob)}`;
  const queries = [request.query, query].filter((part) => part !== undefined && part !== '');
  return access.pool.send(
    {
      method: request.method,
      path: queries.length === 0 ? path : `${path}?${queries.join('&')}`,
      headers: { ...headers, ...request.headers, 'x-ms-version': apiVersion },
      body: request.body,
      maxAnswerBytes: request.maxAnswerBytes,
    },
    signal,
  );
}

function encodeBlobName(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}
