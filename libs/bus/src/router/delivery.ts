import type { ReadMessage } from '@message-vault/log';

/** One message on its way to one subscriber. */
export interface Delivery {
  /** Name of the router. */
  readonly router: string;
  readonly subscriptionId: string;
  /** As it stands in the router's own stream: its id is the same however often it is delivered. */
  readonly message: ReadMessage;
  /** 1 for the first try. */
  readonly attempt: number;
}

/** What became of one try. */
export type DeliveryResult =
  | { readonly outcome: 'delivered' }
  /** Not now. `afterMs` is what the subscriber asked for (Retry-After); without it the back-off decides. */
  | { readonly outcome: 'retry'; readonly reason: string; readonly afterMs?: number | undefined }
  /** It is not the message's turn for so long yet, by what the subscriber allows. Nothing was sent: this was no try. */
  | { readonly outcome: 'later'; readonly reason: string; readonly afterMs: number }
  /** The subscriber wants nothing any more (410): the subscription ends. */
  | { readonly outcome: 'gone'; readonly reason: string }
  /** This message will never be taken: it goes to the dead letters at once. */
  | { readonly outcome: 'refused'; readonly reason: string };
