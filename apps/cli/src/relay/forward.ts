import { Readable } from 'node:stream';
import type { RelayedAnswer, RelayedRequest, RelayHandler } from '@message-vault/client';
import { HOP_BY_HOP, headersOfOneHop } from '@message-vault/relay-protocol';
import { Pool } from 'undici';

const MAX_CONNECTIONS = 256;
const CONNECT_TIMEOUT_MS = 5000;

/** One request that was forwarded; for people who watch. */
export interface Forwarded {
  readonly method: string;
  readonly path: string;
  /** Undefined when the service did not answer. */
  readonly status: number | undefined;
  readonly elapsedMs: number;
}

/** Hands relayed requests to the service at a URL, bodies streaming both ways. */
export class HttpForwarder {
  readonly #pool: Pool;
  readonly #base: string;
  readonly #onForwarded: (forwarded: Forwarded) => void;

  constructor(target: URL, onForwarded: (forwarded: Forwarded) => void) {
    const { origin, pathname } = target;
    const connect = { timeout: CONNECT_TIMEOUT_MS };
    // How long a service may take is for who asked to say.
    this.#pool = new Pool(origin, {
      connections: MAX_CONNECTIONS,
      connect,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#base = pathname.replace(/\/$/, '');
    this.#onForwarded = onForwarded;
  }

  readonly handle: RelayHandler = async (request) => {
    const startedAt = performance.now();
    const tell = (status: number | undefined): void => {
      const { method, path } = request;
      this.#onForwarded({ method, path, status, elapsedMs: performance.now() - startedAt });
    };
    try {
      const answer = await this.#forward(request);
      tell(answer.status);
      return answer;
    } catch (error) {
      tell(undefined);
      throw error;
    }
  };

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  async #forward({
    method,
    path,
    headerList,
    hasBody,
    body,
    signal,
  }: RelayedRequest): Promise<RelayedAnswer> {
    const headers = headerList.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()));
    const answer = await this.#pool.request({
      method,
      path: `${this.#base}${path}`,
      headers: headers.flat(),
      body: hasBody ? Readable.from(body, { objectMode: false }) : null,
      signal,
    });
    return { status: answer.statusCode, headers: kept(answer.headers), body: answer.body };
  }
}

function kept(headers: Readonly<Record<string, string | string[] | undefined>>) {
  const dropped = headersOfOneHop([headers.connection].flat().join(','));
  const result: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !dropped.has(name)) result[name] = value;
  return result;
}
