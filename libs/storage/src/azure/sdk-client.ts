import type { HttpOperationResponse, IHttpClient, WebResource } from '@azure/storage-blob';
import { authorizationFor, type Endpoint, heed } from './endpoint.ts';
import type { HttpAnswer, HttpRequest } from './http-pool.ts';

/** Listings of 5,000 names and 10,000 page ranges stay well below. */
const maxAnswerBytes = 32 * 1024 * 1024;

/**
 * Lets the SDK make its calls over the endpoint's connections. Each call must carry an abort signal, which is its deadline.
 * `authorizes`: calls come without anything that authorizes them, and get what the endpoint has for that.
 */
export function sdkHttpClient(endpoint: Endpoint, { authorizes }: { authorizes: boolean }): IHttpClient {
  return {
    async sendRequest(request: WebResource): Promise<HttpOperationResponse> {
      const url = new URL(request.url);
      const signal = signalOf(request);
      const authorization = authorizes ? await authorizationFor(endpoint, signal) : undefined;
      const queries = [url.search.slice(1), authorization?.query ?? ''].filter((part) => part !== '');
      const answer = await endpoint.pool.send(
        {
          method: methodOf(request),
          path: queries.length === 0 ? url.pathname : `${url.pathname}?${queries.join('&')}`,
          headers: { ...request.headers.toJson(), ...authorization?.headers },
          body: bodyOf(request),
          maxAnswerBytes,
        },
        signal,
      );
      if (authorization !== undefined) heed(endpoint, authorization, answer);
      return {
        request,
        status: answer.status,
        headers: headersOf(request, answer),
        bodyAsText: Buffer.from(answer.body.buffer, answer.body.byteOffset, answer.body.length).toString(),
      };
    },
  };
}

function methodOf({ method }: WebResource): HttpRequest['method'] {
  if (method === 'OPTIONS' || method === 'TRACE')
    throw new TypeError(`the SDK made an unforeseen ${method} request`);
  return method;
}

function bodyOf({ body }: WebResource): Uint8Array | string | undefined {
  if (body === undefined || body === null || typeof body === 'string' || body instanceof Uint8Array)
    return body ?? undefined;
  throw new TypeError('the SDK sent a body that is neither text nor bytes');
}

function signalOf({ abortSignal }: WebResource): AbortSignal {
  if (abortSignal instanceof AbortSignal) return abortSignal;
  throw new TypeError('a call of the SDK was made without a deadline');
}

/** The SDK wants its own type of headers and exports no way to make one: a copy of the request's, emptied, is one. */
function headersOf(request: WebResource, answer: HttpAnswer): HttpOperationResponse['headers'] {
  const headers = request.headers.clone();
  for (const name of headers.headerNames()) headers.remove(name);
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) headers.set(name, typeof value === 'string' ? value : value.join(', '));
  }
  return headers;
}
