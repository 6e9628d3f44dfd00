import type { Subscription, SubscriptionTarget } from '@message-vault/client';
import { printable } from './text.ts';

export function targetText(target: SubscriptionTarget): string {
  return printable('name' in target ? target.name : target.webhook);
}

/** As the HTTP interface gives it. */
export function subscriptionJson(subscription: Subscription): Record<string, unknown> {
  const { createdAt, expiresAt, ...others } = subscription;
  return {
    ...others,
    ...(createdAt === undefined ? {} : { createdAt: new Date(createdAt).toISOString() }),
    ...(expiresAt === undefined ? {} : { expires: new Date(expiresAt).toISOString() }),
  };
}
