import type { Runtime } from '@message-vault/runtime';
import type { TransportResponse } from '../transport.ts';

/** The header Date has whole seconds: within that, the clocks agree. */
const RESOLUTION_MS = 2000;

/**
 * What the clock of the node showed when it answered, milliseconds since 1970. Taken for this process' own clock where
 * the two agree as far as the header Date can tell, which is finer.
 */
export function clockOf(response: TransportResponse, runtime: Runtime): number {
  const here = runtime.now();
  const there = Date.parse(response.headers.date ?? '');
  return Number.isNaN(there) || Math.abs(there - here) < RESOLUTION_MS ? here : there;
}
