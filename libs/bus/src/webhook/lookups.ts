import { abortable, type Runtime } from '@message-vault/runtime';
import { addressRefusal, isLoopback, type TargetRules } from './address-rules.ts';
import { WebhookError } from './errors.ts';
import { isLocalName, type TargetUrl } from './target-url.ts';
import type { ResolvedAddress, ResolveName } from './transport.ts';

/** More are not tried, whatever the name server says. */
const MAX_ADDRESSES = 16;
const LOCAL: readonly ResolvedAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

export interface LookupOptions {
  readonly runtime: Runtime;
  readonly resolve: ResolveName;
  readonly rules: TargetRules;
  readonly timeoutMs: number;
}

/**
 * The addresses a target stands for right now, each of them checked. Nothing is remembered: an answer is shared only by
 * those who ask while it is under way.
 */
export class Lookups {
  readonly #options: LookupOptions;
  readonly #underWay = new Map<string, Promise<readonly ResolvedAddress[]>>();

  constructor(options: LookupOptions) {
    this.#options = options;
  }

  /** IPv4 first. Rejects with WebhookError `forbidden_target` when a single one may not be pushed to. */
  async addressesOf(url: TargetUrl, signal: AbortSignal): Promise<readonly ResolvedAddress[]> {
    if (url.isAddress) return this.#checked(url, [literal(url.hostname)]);
    if (isLocalName(url.hostname)) return this.#checked(url, LOCAL);
    const found = await abortable(this.#lookUp(url.hostname), signal);
    if (found.length === 0) throw new Error(`${url.hostname} has no address`);
    return this.#checked(
      url,
      found.slice(0, MAX_ADDRESSES).toSorted((a, b) => a.family - b.family),
    );
  }

  #checked(url: TargetUrl, addresses: readonly ResolvedAddress[]): readonly ResolvedAddress[] {
    for (const { address } of addresses) {
      const refusal = addressRefusal(address, this.#options.rules);
      if (refusal !== undefined)
        throw new WebhookError('forbidden_target', `${url.hostname} is not pushed to: ${refusal}`);
      if (url.protocol === 'http:' && !isLoopback(address))
        throw new WebhookError('forbidden_target', `${url.hostname} is not pushed to by plain http`);
    }
    return addresses;
  }

  #lookUp(hostname: string): Promise<readonly ResolvedAddress[]> {
    const joined = this.#underWay.get(hostname);
    if (joined !== undefined) return joined;
    const own = this.#ask(hostname).finally(() => this.#underWay.delete(hostname));
    this.#underWay.set(hostname, own);
    // Whoever asked may have given up before it fails.
    own.catch(() => {});
    return own;
  }

  async #ask(hostname: string): Promise<readonly ResolvedAddress[]> {
    const { runtime, resolve, timeoutMs } = this.#options;
    const giveUp = new AbortController();
    const timer = runtime.setTimer(timeoutMs, () =>
      giveUp.abort(new Error(`no name server has answered for ${hostname} in ${timeoutMs} ms`)),
    );
    try {
      return await abortable(resolve(hostname, giveUp.signal), giveUp.signal);
    } finally {
      timer.cancel();
    }
  }
}

function literal(address: string): ResolvedAddress {
  return { address, family: address.includes(':') ? 6 : 4 };
}
