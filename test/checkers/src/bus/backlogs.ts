import type { BusLedger, BusMessage, KnownPlace } from './ledger.ts';

/**
 * Whether a router that discards may have left the message out for one of its targets. What waits is counted along the
 * router's own stream, from the oldest message that is not confirmed; more can't have waited than stood there.
 */
export function mayBeLeftOut(ledger: BusLedger, router: KnownPlace, message: BusMessage): boolean {
  const { limit, overflow, final } = router;
  if (limit === undefined || overflow === 'reject') return false;
  if (message.startedAt >= ledger.restedAt) return false;
  if (final === undefined) return true;
  const { stands = [] } = message.visit(router.name) ?? {};
  // The newest are left out behind as many that wait, the oldest when as many have come behind them.
  return overflow === 'discard-incoming'
    ? stands.some((at) => at >= limit)
    : stands.some((at) => at + limit < behindWhatWaited(ledger, router));
}

/** Of what came after everything had rested, nothing had to wait. */
function behindWhatWaited({ restedAt }: BusLedger, { final }: KnownPlace): number {
  let next = 0;
  for (const [at, { startedAt }] of final?.messages ?? [])
    if (startedAt < restedAt) next = Math.max(next, at + 1);
  return next;
}
