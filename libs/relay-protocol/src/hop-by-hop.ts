/** About one connection, not about the request (RFC 9110, 7.6.1), or for each end to say itself. In lower case. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
]);

/** What goes no further than a connection: HOP_BY_HOP, and what its header `Connection` names. In lower case. */
export function headersOfOneHop(connection = ''): Set<string> {
  return new Set([...HOP_BY_HOP, ...connection.split(',').map((name) => name.trim().toLowerCase())]);
}
