import { addressRefusal, isAddress, isLoopback, type TargetRules } from './address-rules.ts';
import { WebhookError } from './errors.ts';

/** A checked URL, taken apart. */
export interface TargetUrl {
  readonly protocol: 'https:' | 'http:';
  /** A name in lower-case ASCII, or an IP address (IPv6 without brackets). */
  readonly hostname: string;
  /** Whether `hostname` is an address, so that there is nothing to look up. */
  readonly isAddress: boolean;
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  /** `https://host:port` as for a URL; the port is left out when it is the usual one. */
  readonly origin: string;
}

const MAX_URL_LENGTH = 2048;
/** Visible ASCII but the backslash, which URL parsers take for a slash. They also drop line breaks: so none may come in. */
const PLAIN = /^[\x21-\x5b\x5d-\x7e]+$/;

/**
 * Reads the URL of a webhook. The host is judged in the form in which it would be connected to, so 2130706433, 0x7f.1,
 * 0177.0.0.1 and 127.1 are all 127.0.0.1. What a name stands for is looked at with each delivery, not here.
 * Throws WebhookError `bad_url` and `forbidden_target`.
 */
export function parseTargetUrl(text: string, rules: TargetRules): TargetUrl {
  const url = parse(text);
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const target: TargetUrl = {
    protocol: url.protocol === 'http:' ? 'http:' : 'https:',
    hostname,
    isAddress: isAddress(hostname),
    port: Number(url.port) || (url.protocol === 'http:' ? 80 : 443),
    path: `${url.pathname}${url.search}`,
    origin: url.origin,
  };
  const refusal = hostRefusal(target, rules);
  if (refusal !== undefined) throw new WebhookError('forbidden_target', refusal);
  return target;
}

/** Throws WebhookError `bad_url` and `forbidden_target` unless `url` is one that a subscription may push to. */
export function checkWebhookUrl(url: string, rules: TargetRules): void {
  parseTargetUrl(url, rules);
}

/** Whether the name stands for this machine, by definition (RFC 6761) and without a look-up. */
export function isLocalName(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost');
}

function parse(text: string): URL {
  if (text.length > MAX_URL_LENGTH)
    throw bad(`a URL has at most ${MAX_URL_LENGTH} characters, not ${text.length}`);
  if (!PLAIN.test(text))
    throw bad(
      'expected a URL of visible ASCII characters, anything else percent-encoded, without backslashes',
    );
  if (!URL.canParse(text)) throw bad('expected a URL like https://example.com/hook');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw bad('expected a URL that begins with https://');
  if (/^https?:\/\/[^/?#]*@/i.test(text) || url.username !== '' || url.password !== '')
    throw bad('expected a URL without user name and password');
  if (text.includes('#')) throw bad('expected a URL without a fragment (#)');
  if (url.hostname.endsWith('.')) throw bad('expected a host without a dot at its end');
  if (url.port === '0') throw bad('expected a port from 1 to 65535');
  return url;
}

function hostRefusal(target: TargetUrl, rules: TargetRules): string | undefined {
  const { hostname, protocol } = target;
  const local = isLocalName(hostname) || isLoopback(hostname);
  if (local && rules.allowPlainLoopback) return undefined;
  if (protocol === 'http:') {
    return rules.allowPlainLoopback
      ? 'plain http is for 127.0.0.1, [::1] and localhost only: expected https'
      : 'expected https';
  }
  if (isLocalName(hostname)) return `${hostname} is this machine itself`;
  return target.isAddress ? addressRefusal(hostname, rules) : undefined;
}

function bad(message: string): WebhookError {
  return new WebhookError('bad_url', message);
}
