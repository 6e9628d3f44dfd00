import { backlogOf } from './backlog.ts';
import type { StreamPlace } from './position.ts';
import type { Pump } from './pump.ts';
import type { SubscriptionView } from './requests.ts';
import type { Subscription } from './state-document.ts';

/** What the outside may see of a subscription: never its secrets. */
export function viewOf(
  subscription: Subscription,
  at: { pump: Pump | undefined; cursor: StreamPlace; tail: StreamPlace },
): SubscriptionView {
  const { id, target, state, reason, endedAt, createdAt, filter, expiresAt } = subscription;
  const { pump, cursor, tail } = at;
  const ended = state === 'ended';
  return {
    id,
    target: target.kind === 'name' ? { name: target.name } : { webhook: target.url },
    state: state === 'active' && pump?.failing ? 'failing' : state,
    cursor: cursor.offset,
    lag: ended ? 0 : backlogOf(cursor, tail).messages,
    lastError: ended ? { at: endedAt ?? createdAt, reason: reason ?? 'it has ended' } : pump?.lastError,
    createdAt,
    filter,
    expiresAt,
  };
}
