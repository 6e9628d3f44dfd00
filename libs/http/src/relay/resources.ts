import type { ConnectionPointDocument, MetadataDocument } from '@message-vault/metadata';
import { HttpProblem } from '../problems.ts';
import type { RoleRequest, RoleResource, RoleResources } from '../roles.ts';
import { relayRequest } from './relay-request.ts';

const relayed: RoleResource<ConnectionPointDocument> = {
  action: 'publish',
  handle: relayRequest,
  route: 'relay',
};

/** What a connection point answers to: whatever its listeners do, and the handshake of those (see upgrade/). */
export const relayResources: RoleResources<ConnectionPointDocument> = {
  '': { '*': relayed },
  'relay/*': { '*': relayed },
  listen: { GET: { action: 'read', handle: wantsUpgrade } },
};

/** What a reference answers to. */
export const metadataResources: RoleResources<MetadataDocument> = {
  '': { GET: { action: 'read', handle: redirect, route: 'reference' } },
};

function wantsUpgrade(): void {
  throw new HttpProblem('bad_header', 'listeners connect by WebSocket: expected Upgrade: websocket');
}

function redirect({ exchange, document }: RoleRequest<MetadataDocument>): void {
  const { res } = exchange;
  res.statusCode = 303;
  res.setHeader('Location', document.policy.uri);
  // It may be changed at any time.
  res.setHeader('Cache-Control', 'no-cache');
  res.end();
}
