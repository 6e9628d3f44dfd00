import type { TargetUrl } from '@message-vault/bus';
import { buildConnector, Pool } from 'undici';

export interface PinnedPoolsOptions {
  readonly connectTimeoutMs: number;
  /** How long an unused connection is kept when the receiver says nothing about it. */
  readonly keepAliveMs: number;
  readonly maxAnswerHeaderBytes: number;
  /** Certificates trusted, in PEM, instead of those that Node brings. */
  readonly ca?: string | undefined;
}

/** Hosts that connections are kept for; more, and the one longest unused is let go. */
const MAX_POOLS = 1024;

/** A target's host at one address. */
export interface PinnedHost {
  readonly url: Pick<TargetUrl, 'origin' | 'hostname'>;
  readonly address: string;
  readonly family: 4 | 6;
}

interface Pinned {
  readonly pool: Pool;
  users: number;
}

/**
 * Connections by origin and address. A connection is only ever made to the address it is kept under, and only used for
 * requests whose look-up gave that address, so nothing a name server says later can lead one astray.
 */
export class PinnedPools {
  readonly #options: PinnedPoolsOptions;
  readonly #pools = new Map<string, Pinned>();

  constructor(options: PinnedPoolsOptions) {
    this.#options = options;
  }

  /** The pool for one request. `release` it when the request is over. */
  take(host: PinnedHost): { pool: Pool; release: () => void } {
    const key = `${host.url.origin} ${host.address}`;
    const pinned = this.#pools.get(key) ?? { pool: this.#open(host), users: 0 };
    this.#pools.delete(key);
    this.#pools.set(key, pinned);
    pinned.users += 1;
    if (this.#pools.size > MAX_POOLS) this.#forgetOne();
    return {
      pool: pinned.pool,
      release: () => {
        pinned.users -= 1;
      },
    };
  }

  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.allSettled(pools.map(({ pool }) => pool.destroy()));
  }

  #open({ url, address, family }: PinnedHost): Pool {
    const { connectTimeoutMs, keepAliveMs, maxAnswerHeaderBytes, ca } = this.#options;
    return new Pool(url.origin, {
      connect: pinnedConnector({ address, family }, { connectTimeoutMs, ca }),
      // How many there are is bounded by the sender: this must not be a second queue.
      connections: null,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: 60_000,
      maxHeaderSize: maxAnswerHeaderBytes,
      // The sender's own clock decides; these are for a sender that has forgotten.
      headersTimeout: 300_000,
      bodyTimeout: 300_000,
    });
  }

  #forgetOne(): void {
    for (const [key, { pool, users }] of this.#pools) {
      if (users > 0) continue;
      this.#pools.delete(key);
      void pool.destroy();
      return;
    }
  }
}

/** Connects to `address` whatever the host is called, and lets no connection through that went anywhere else. */
function pinnedConnector(
  { address, family }: { address: string; family: 4 | 6 },
  { connectTimeoutMs, ca }: { connectTimeoutMs: number; ca: string | undefined },
): buildConnector.connector {
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    allowH2: false,
    autoSelectFamily: false,
    lookup: (_hostname, options, answer) => {
      if (options.all) answer(null, [{ address, family }]);
      else answer(null, address, family);
    },
    ...(ca === undefined ? {} : { ca }),
  });
  return (options, callback) => {
    connect(options, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      if (socket.remoteAddress === address || sameAddress(socket.remoteAddress, address))
        return callback(null, socket);
      socket.destroy();
      callback(new Error(`connected to ${socket.remoteAddress} instead of ${address}`), null);
    });
  };
}

/** IPv6 has several spellings; the system's may differ from the name server's. */
function sameAddress(one: string | undefined, other: string): boolean {
  if (one === undefined || !one.includes(':') || !other.includes(':')) return false;
  return new URL(`http://[${one}]`).hostname === new URL(`http://[${other}]`).hostname;
}
