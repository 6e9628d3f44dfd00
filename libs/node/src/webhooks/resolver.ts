import { Resolver } from 'node:dns/promises';
import type { ResolvedAddress, ResolveName } from '@message-vault/bus';
import { codeOf } from '@message-vault/runtime';

/** A name server that has not answered by then is asked once more; the sender's own limit is above both. */
const QUERY_TIMEOUT_MS = 2000;
const TRIES = 2;
/** Answers that say there is nothing of the kind, as opposed to no answer. */
const EMPTY = new Set(['ENODATA', 'ENOTFOUND']);

/**
 * Looks names up at the machine's name servers, afresh each time. Not with getaddrinfo: that runs on a few threads
 * which the whole process shares, so that names whose servers never answer would hold up all others. The price is that
 * /etc/hosts and search domains don't count. `servers` are asked instead of the machine's: addresses with ports.
 */
export function nameServerResolver(options: { servers?: readonly string[] } = {}): ResolveName {
  return async (hostname, signal) => {
    const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: TRIES });
    if (options.servers !== undefined) resolver.setServers(options.servers);
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const found = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
      return addressesOf(found, hostname);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };
}

/** One family is enough if the other has nothing. A family that can't be asked for is left out only if the other is there. */
function addressesOf(
  [four, six]: [PromiseSettledResult<string[]>, PromiseSettledResult<string[]>],
  hostname: string,
): ResolvedAddress[] {
  const found: ResolvedAddress[] = [];
  if (four.status === 'fulfilled')
    found.push(...four.value.map((address) => ({ address, family: 4 as const })));
  if (six.status === 'fulfilled')
    found.push(...six.value.map((address) => ({ address, family: 6 as const })));
  if (found.length > 0) return found;
  const codes = [four, six].map((result) =>
    result.status === 'rejected' ? (codeOf(result.reason) ?? String(result.reason)) : 'ENODATA',
  );
  const worst = codes.find((code) => !EMPTY.has(code)) ?? codes[0];
  throw new Error(`${hostname} can't be looked up: ${worst}`);
}
