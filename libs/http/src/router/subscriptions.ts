import type { RouterDocument } from '@message-vault/metadata';
import { sendJson, sendNothing } from '../answer.ts';
import { parseJson } from '../json.ts';
import type { RoleRequest } from '../roles.ts';
import { parseChange, parseSubscription } from './subscription-body.ts';
import { subscriptionJson } from './subscription-json.ts';

type Request = RoleRequest<RouterDocument>;

/** A subscription is a few lines. */
const MAX_BODY_BYTES = 64 * 1024;

/** `POST /{name}/-/subscriptions`: 201. The secret of a webhook is in this answer only. */
export async function subscribe(request: Request): Promise<void> {
  const { context, exchange, document } = request;
  const asked = parseSubscription(await readJson(request));
  const { subscription, secret } = await context.ports.routers.subscribe(document, asked);
  const json = { ...subscriptionJson(subscription), ...(secret === undefined ? {} : { secret }) };
  exchange.res.setHeader('Location', `/${document.name}/-/subscriptions/${subscription.id}`);
  sendJson(exchange, 201, JSON.stringify(json));
}

export async function listSubscriptions({ context, exchange, document }: Request): Promise<void> {
  const subscriptions = await context.ports.routers.subscriptions(document);
  sendJson(exchange, 200, JSON.stringify({ subscriptions: subscriptions.map(subscriptionJson) }));
}

export async function readSubscription({ context, exchange, document, parameters }: Request): Promise<void> {
  const subscription = await context.ports.routers.subscription(document, idOf(parameters));
  sendJson(exchange, 200, JSON.stringify(subscriptionJson(subscription)));
}

/** `PUT …/{id}` with `{"state":"paused"}` or `{"state":"active"}`. */
export async function changeSubscription(request: Request): Promise<void> {
  const { context, exchange, document, parameters } = request;
  const state = parseChange(await readJson(request));
  const subscription = await context.ports.routers.setState(document, idOf(parameters), state);
  sendJson(exchange, 200, JSON.stringify(subscriptionJson(subscription)));
}

export async function removeSubscription({
  context,
  exchange,
  document,
  parameters,
}: Request): Promise<void> {
  await context.ports.routers.unsubscribe(document, idOf(parameters));
  sendNothing(exchange.res);
}

/** `POST …/{id}/secret`: the new secret signs from now on, the one before it does too until the next change. */
export async function rotateSecret({ context, exchange, document, parameters }: Request): Promise<void> {
  const secret = await context.ports.routers.rotateSecret(document, idOf(parameters));
  sendJson(exchange, 200, JSON.stringify({ secret }));
}

function idOf(parameters: Request['parameters']): string {
  return parameters.id ?? '';
}

async function readJson({ bodies, exchange }: Request): Promise<unknown> {
  const body = await bodies.read(exchange, MAX_BODY_BYTES);
  try {
    return parseJson(body.bytes, 'bad_body').json;
  } finally {
    body.release();
  }
}
