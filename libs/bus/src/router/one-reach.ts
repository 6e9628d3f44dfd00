import type { DistributionHost } from './distribution.ts';
import type { MemberTarget } from './one-member.ts';
import type { PumpContext } from './pump.ts';
import type { Subscription, WebhookSubscriber } from './state-document.ts';
import { queueTarget, streamTarget, webhookTarget } from './targets.ts';

/** Messages a webhook or queue may have taken of which that is not saved. */
export const DOUBT_COUNT = 128;

/** How a subscription is reached. Below `doubtBelow` an earlier leader may have been at work for it. */
export function reach(
  host: Pick<DistributionHost, 'ports' | 'subscription'>,
  subscription: Subscription,
  { context, doubtBelow }: { context: PumpContext; doubtBelow: number },
): MemberTarget {
  const { id, target } = subscription;
  const doubt = { count: DOUBT_COUNT, below: doubtBelow };
  if (target.kind === 'webhook') {
    const subscriber = (): WebhookSubscriber => {
      const now = host.subscription(id)?.target;
      return now?.kind === 'webhook' ? now : target;
    };
    return { kind: 'messages', target: webhookTarget(context, subscriber), doubt };
  }
  if (target.role === 'queue') return { kind: 'messages', target: queueTarget(host.ports, target), doubt };
  return { kind: 'batches', target: streamTarget(host.ports, target) };
}

/** An error of a queue's storage does not say that a message is not there: it stays the queue's. */
export function isQueue(subscription: Subscription | undefined): boolean {
  return subscription?.target.kind === 'name' && subscription.target.role === 'queue';
}
