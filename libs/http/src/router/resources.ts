import type { RouterDocument } from '@message-vault/metadata';
import { sendJson } from '../answer.ts';
import { listenByEvents } from '../listener/router-events.ts';
import { appendBody } from '../publish/publish.ts';
import { Query } from '../query.ts';
import type { RoleHandler, RoleResource, RoleResources } from '../roles.ts';
import {
  changeSubscription,
  listSubscriptions,
  readSubscription,
  removeSubscription,
  rotateSecret,
  subscribe,
} from './subscriptions.ts';

type Handler = RoleHandler<RouterDocument>;

/** Dead letters given out once more by one request, when it does not say, and at most. */
const REDRIVE_LIMIT = { usual: 100, max: 1000 };

/** What a router answers to. Its dispatcher runs on the leader, so all of it is done there. */
export const routerResources: RoleResources<RouterDocument> = {
  '': {
    POST: { action: 'publish', leaderOnly: true, handle: publish },
    GET: { action: 'read', route: 'router:listen', handle: listenByEvents },
  },
  subscriptions: { GET: reading(listSubscriptions), POST: managing(subscribe) },
  'subscriptions/:id': {
    GET: reading(readSubscription),
    PUT: managing(changeSubscription),
    DELETE: managing(removeSubscription),
  },
  'subscriptions/:id/secret': { POST: managing(rotateSecret) },
  redrive: { POST: managing(redrive) },
  stats: { GET: reading(sendStats) },
};

function reading(handle: Handler): RoleResource<RouterDocument> {
  return { action: 'read', leaderOnly: true, handle };
}

function managing(handle: Handler): RoleResource<RouterDocument> {
  return { action: 'manage', leaderOnly: true, handle };
}

/** 202: it is stored, and everybody who is to have it will. */
async function publish(request: Parameters<Handler>[0]): Promise<void> {
  const { maxMessageSize } = request.document.policy;
  await appendBody(request, { maxMessageSize, created: 202 });
}

async function redrive({ context, exchange, target, document }: Parameters<Handler>[0]): Promise<void> {
  const asked = new Query(target.query).bound('limit', REDRIVE_LIMIT.max);
  const moved = await context.ports.routers.redrive(document, asked ?? REDRIVE_LIMIT.usual);
  sendJson(exchange, 200, JSON.stringify({ moved }));
}

async function sendStats({ context, exchange, document }: Parameters<Handler>[0]): Promise<void> {
  const stats = await context.ports.routers.stats(document);
  const { distribution } = document.policy;
  sendJson(exchange, 200, JSON.stringify({ router: document.name, distribution, ...stats }));
}
