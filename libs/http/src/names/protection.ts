import { TLSSocket } from 'node:tls';
import type { CommonPolicy } from '@message-vault/metadata';
import type { Exchange, HttpContext } from '../exchange.ts';
import { HttpProblem } from '../problems.ts';

/**
 * Throws `transport_not_protected` when the policy wants TLS and the request came without. That it came with TLS is
 * believed of a proxy's word only where the node is told that there is one.
 */
export function checkTransport(
  context: HttpContext,
  { req }: Exchange,
  { transportProtection }: Pick<CommonPolicy, 'transportProtection'>,
): void {
  if (transportProtection === 'none' || req.socket instanceof TLSSocket) return;
  const proto = req.headers['x-forwarded-proto'];
  if (context.options.trustForwardedProto === true && proto === 'https') return;
  throw new HttpProblem(
    'transport_not_protected',
    'the policy of this name has transportProtection all-paths: use https',
  );
}
