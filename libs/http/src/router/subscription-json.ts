import type { SubscriptionView } from '@message-vault/bus';

/** A subscription as clients see it: instants as RFC 3339, what is not there as null or left out. */
export function subscriptionJson(view: SubscriptionView): Readonly<Record<string, unknown>> {
  const { lastError, createdAt, expiresAt, filter, ...plain } = view;
  return {
    ...plain,
    lastError: lastError === undefined ? null : { at: instant(lastError.at), reason: lastError.reason },
    createdAt: instant(createdAt),
    ...(filter === undefined ? {} : { filter }),
    ...(expiresAt === undefined ? {} : { expires: instant(expiresAt) }),
  };
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
