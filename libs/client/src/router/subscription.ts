import { isMembers, optionalInstant, optionalNumber, optionalString, string } from '../answers.ts';
import { VaultClientError } from '../errors.ts';

/** Where the messages of a subscription go: a name of the same vault, or a URL. */
export type SubscriptionTarget = { readonly name: string } | { readonly webhook: string };

export interface Subscription {
  readonly id: string;
  readonly target: SubscriptionTarget;
  /** `active`, `paused`, or why it does not run. */
  readonly state: string;
  /** Offset in the router's own stream up to which everything was delivered. */
  readonly cursor: number | undefined;
  /** Messages it has yet to get. */
  readonly lag: number | undefined;
  readonly lastError: string | undefined;
  readonly filter: string | undefined;
  /** Milliseconds since 1970. */
  readonly createdAt: number | undefined;
  readonly expiresAt: number | undefined;
  /** Of a webhook, told once, when it was made by the node. */
  readonly secret: string | undefined;
}

/** Error: `bad_answer`. */
export function toSubscription(members: Readonly<Record<string, unknown>>): Subscription {
  return {
    id: string(members, 'id'),
    target: targetOf(members.target),
    state: string(members, 'state'),
    cursor: optionalNumber(members, 'cursor'),
    lag: optionalNumber(members, 'lag'),
    lastError: errorOf(members.lastError),
    filter: optionalString(members, 'filter'),
    createdAt: optionalInstant(members, 'createdAt'),
    expiresAt: optionalInstant(members, 'expires'),
    secret: optionalString(members, 'secret'),
  };
}

/** One for people; nodes may tell more than a sentence. */
function errorOf(error: unknown): string | undefined {
  if (typeof error === 'string') return error;
  return isMembers(error) ? (optionalString(error, 'reason') ?? JSON.stringify(error)) : undefined;
}

function targetOf(target: unknown): SubscriptionTarget {
  const members = isMembers(target) ? target : {};
  const name = optionalString(members, 'name');
  const webhook = optionalString(members, 'webhook');
  if (name !== undefined) return { name };
  if (webhook !== undefined) return { webhook };
  throw new VaultClientError('bad_answer', 'a subscription without a target was answered');
}
