import { ChaosError } from './errors.ts';
import type { LinkOptions } from './link.ts';
import type { Address } from './relay.ts';

/** A link as one types it: `NAME=LISTEN,TARGET[,http]`. Throws ChaosError `bad_link`. */
export function parseLink(text: string): LinkOptions & { name: string } {
  const [, name = '', listen = '', target = '', http] =
    /^([\w.-]+)=([^,]+),([^,]+)(,http)?$/.exec(text) ?? [];
  if (name === '') throw new ChaosError('bad_link', `--link takes NAME=LISTEN,TARGET[,http], not ${text}`);
  return {
    name,
    listen: address(listen.includes(':') ? listen : `127.0.0.1:${listen}`),
    target: address(target),
    protocol: http === undefined ? 'tcp' : 'http',
  };
}

function address(text: string): Address {
  const [, host = '', port = ''] = /^([\w.-]+):(\d{1,5})$/.exec(text) ?? [];
  if (host === '' || Number(port) > 65_535)
    throw new ChaosError('bad_link', `expected HOST:PORT, not ${text}`);
  return { host, port: Number(port) };
}
