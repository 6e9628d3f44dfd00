import type { RouterDocument } from '@message-vault/metadata';
import type { Dispatcher } from './dispatcher.ts';
import { RouterError } from './errors.ts';
import type { Attachment, RouterListener } from './listener.ts';
import type { RouterStats, SubscriptionRequest, SubscriptionView } from './requests.ts';

/**
 * Routers as the outside sees them. All of it is done where a dispatcher runs, on the leader: elsewhere every method
 * fails with RouterError `not_leader`.
 */
export interface Routers {
  /** `secret` is what signs the pushes to a webhook: told once. */
  subscribe(
    router: RouterDocument,
    request: SubscriptionRequest,
  ): Promise<{ subscription: SubscriptionView; secret: string | undefined }>;
  subscriptions(router: RouterDocument): Promise<SubscriptionView[]>;
  subscription(router: RouterDocument, id: string): Promise<SubscriptionView>;
  unsubscribe(router: RouterDocument, id: string): Promise<void>;
  setState(router: RouterDocument, id: string, state: 'active' | 'paused'): Promise<SubscriptionView>;
  /** Answers the secret that signs from now on, beside the one before it. */
  rotateSecret(router: RouterDocument, id: string): Promise<string>;
  /** Gives up to `limit` dead letters out once more. Answers how many got through. */
  redrive(router: RouterDocument, limit: number): Promise<number>;
  stats(router: RouterDocument): Promise<RouterStats>;
  attach(router: RouterDocument, listener: RouterListener): Promise<Attachment>;
}

/** `dispatcher` is asked with every call: undefined where this node does not lead. */
export function routersOf(dispatcher: () => Dispatcher | undefined): Routers {
  const leading = (): Dispatcher => {
    const running = dispatcher();
    if (running !== undefined) return running;
    throw new RouterError('not_leader', 'this node does not lead');
  };
  const withSubscribers = async (router: RouterDocument, id: string) => {
    const work = await leading().known(router);
    if (work !== undefined) return work;
    throw new RouterError('no_such_subscription', `${router.name} has no subscription ${id}`);
  };
  return {
    subscribe: async (router, request) => leading().subscribe(router, request),
    subscriptions: async (router) => (await leading().known(router))?.views() ?? [],
    subscription: async (router, id) => (await withSubscribers(router, id)).view(id),
    unsubscribe: async (router, id) => (await withSubscribers(router, id)).unsubscribe(id),
    setState: async (router, id, state) => (await withSubscribers(router, id)).setState(id, state),
    rotateSecret: async (router, id) => (await withSubscribers(router, id)).rotateSecret(id),
    redrive: async (router, limit) => (await leading().work(router)).redrive(limit),
    stats: async (router) => leading().stats(router),
    attach: async (router, listener) => (await leading().work(router)).attach(listener),
  };
}
