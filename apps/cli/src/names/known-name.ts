import type { NameStats, Subscription } from '@message-vault/client';

/** A name that has a role, and what there is to be told of it. */
export interface KnownName {
  readonly name: string;
  readonly role: string;
  /** Undefined for roles that hold nothing, and where a node could not tell. */
  readonly stats: NameStats | undefined;
  /** Of a router. */
  readonly subscriptions: readonly Subscription[];
}
