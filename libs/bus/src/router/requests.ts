import type { Position } from '@message-vault/log';
import type { PumpError } from './pump.ts';

/** What somebody asks for who subscribes. */
export interface SubscriptionRequest {
  /** A name that is a stream, queue or router, or a webhook with (its own or else a new) secret. */
  readonly target:
    | { readonly name: string }
    | { readonly webhook: string; readonly secret?: string | undefined };
  /** Where in what flowed in before it begins; with what comes from now on, when not given. */
  readonly from?: Position | undefined;
  readonly filter?: string | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAt?: number | undefined;
}

/** A subscription as it is seen from outside. */
export interface SubscriptionView {
  readonly id: string;
  readonly target: { readonly name: string } | { readonly webhook: string };
  /** `failing`: the last deliveries did not get through and are tried again. */
  readonly state: 'active' | 'failing' | 'paused' | 'ended';
  /** Offset of the next message it has not had. */
  readonly cursor: number;
  /** Messages it has not had. Of a router `one`: behind its cursor, whoever they will go to. */
  readonly lag: number;
  readonly lastError: PumpError | undefined;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly filter: string | undefined;
  readonly expiresAt: number | undefined;
}

export interface RouterStats {
  readonly subscriptions: number;
  readonly listeners: number;
  readonly nextOffset: number;
  readonly nextSequenceNumber: number;
  /** About how many dead letters there are. */
  readonly deadLettered: number;
  /** Of the subscription, or connected listener, that is furthest behind. */
  readonly maxLag: number;
}
