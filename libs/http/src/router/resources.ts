import type { RouterDocument } from '@message-vault/metadata';
import type { RoleResources } from '../roles.ts';

/** What a router answers to. */
export const routerResources: RoleResources<RouterDocument> = {
  subscriptions: {},
  'subscriptions/:id': {},
};
