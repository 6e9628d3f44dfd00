import { z } from 'zod';
import { ChaosError } from './errors.ts';
import { HttpLayer, type HttpStats } from './http-layer.ts';
import { isHttpMode, type Mode, type ModeInput, modeSchema } from './modes.ts';
import type { Address } from './relay.ts';
import { TcpLink, type TcpStats } from './tcp-link.ts';

export interface LinkOptions {
  /** Where to listen, on 127.0.0.1 when no host is given; a free port when none or 0 is. */
  listen?: Partial<Address>;
  target: Address;
  /** `http` for the modes that look into requests; `tcp` (default) passes bytes of any kind. */
  protocol?: 'tcp' | 'http';
  /** Uniform in [0, 1), for jitter and shares. Default Math.random. */
  random?: () => number;
}

/** One way from somebody to somebody that can be made bad, and good again, while it is in use. */
export interface ChaosLink {
  readonly address: Address;
  /** `http://host:port` of where it listens. */
  readonly url: string;
  readonly target: Address;
  readonly protocol: 'tcp' | 'http';
  readonly mode: Mode;
  readonly stats: TcpStats & Partial<HttpStats>;
  /** In force for what comes next, on connections that are already there too. Throws ChaosError. */
  setMode(mode: ModeInput): Promise<void>;
  close(): Promise<void>;
}

/** Opens a link that passes everything. Throws ChaosError `port_taken`. */
export async function openLink(options: LinkOptions): Promise<ChaosLink> {
  const { target, protocol = 'tcp', random = Math.random } = options;
  const listen = { host: options.listen?.host ?? '127.0.0.1', port: options.listen?.port ?? 0 };
  const http = protocol === 'http' ? new HttpLayer(target, random) : undefined;
  const tcp = new TcpLink(listen, http ? await http.listen() : target, random);
  try {
    await tcp.listen();
  } catch (error) {
    await http?.close();
    throw error;
  }
  let mode: Mode = { mode: 'pass' };
  return {
    target,
    protocol,
    get address() {
      return tcp.address;
    },
    get url() {
      return `http://${tcp.address.host}:${tcp.address.port}`;
    },
    get mode() {
      return mode;
    },
    get stats() {
      return { ...tcp.stats, ...http?.stats };
    },
    async setMode(wanted) {
      const next = parseMode(wanted);
      if (!http && isHttpMode(next)) {
        throw new ChaosError(
          'not_http',
          `${next.mode} looks into requests: the link must be opened with protocol http`,
        );
      }
      http?.setMode(next);
      await tcp.setMode(next);
      mode = next;
    },
    async close() {
      await tcp.close();
      await http?.close();
    },
  };
}

/** A mode with its defaults filled in. Throws ChaosError `bad_mode`. */
export function parseMode(wanted: unknown): Mode {
  const parsed = modeSchema.safeParse(wanted);
  if (parsed.success) return parsed.data;
  throw new ChaosError('bad_mode', z.prettifyError(parsed.error));
}
