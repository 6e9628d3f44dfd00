import ipaddr from 'ipaddr.js';

/** Which targets may be pushed to, beyond https to addresses of the public internet. */
export interface TargetRules {
  /** Loopback (127.0.0.0/8 and ::1) is a target, and may be reached by plain HTTP. For a vault on one's own machine. */
  readonly allowPlainLoopback: boolean;
  /** Networks, in CIDR notation, that are targets although the rules say otherwise. By https only. */
  readonly allowedNetworks: readonly string[];
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** All of IPv6 that is given out as global unicast (RFC 4291, 2.4): what is outside has a meaning of its own, or none. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
/** Of the public range, but on Azure the host's own agent answers there, to every virtual machine alone. */
const AZURE_HOST = '168.63.129.16';

/**
 * Why nothing is pushed to the IP address `text`, or undefined when it may be. Only what is known to be public is
 * allowed: private, loopback, link-local, shared (CGNAT), unique-local, multicast, unspecified, reserved and
 * documentation addresses are not, nor the IPv6 forms that stand for an IPv4 address (mapped, NAT64, 6to4, Teredo).
 * `text` is refused unless it is an address in its usual spelling.
 */
export function addressRefusal(text: string, rules: TargetRules): string | undefined {
  const address = parseAddress(text);
  if (address === undefined) return `${JSON.stringify(text)} is no IP address`;
  const range = address.range();
  if (range === 'loopback' && rules.allowPlainLoopback) return undefined;
  if (rules.allowedNetworks.some((network) => isIn(address, network))) return undefined;
  if (isPublic(address, range)) return undefined;
  return `${text} is not a public address (${range === 'unicast' ? 'special use' : range})`;
}

/** Whether `text` is an address of this machine's own loopback network. */
export function isLoopback(text: string): boolean {
  return parseAddress(text)?.range() === 'loopback';
}

/** Whether `text` is an IP address, IPv6 without brackets. */
export function isAddress(text: string): boolean {
  return parseAddress(text) !== undefined;
}

/** Why `text` is no network in CIDR notation, or undefined when it is one. */
export function networkRefusal(text: string): string | undefined {
  if (ipaddr.isValidCIDR(text)) return undefined;
  return `${JSON.stringify(text)} is no network: expected one like 10.1.0.0/16 or fd00:1::/48`;
}

function isPublic(address: Address, range: string): boolean {
  if (range !== 'unicast') return false;
  if (address instanceof ipaddr.IPv6) return address.match(GLOBAL_UNICAST);
  return address.toString() !== AZURE_HOST;
}

/** The four parts of IPv4 in decimal, or IPv6 without a zone: what system calls take for the same thing everywhere. */
function parseAddress(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  if (text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text)) return ipaddr.IPv6.parse(text);
  return undefined;
}

function isIn(address: Address, network: string): boolean {
  const [base, bits] = ipaddr.parseCIDR(network);
  return base.kind() === address.kind() && address.match(base, bits);
}
