import type { QueueDocument } from '@message-vault/metadata';
import type { RoleResources } from '../roles.ts';

/** What a queue answers to. */
export const queueResources: RoleResources<QueueDocument> = {
  head: {},
  'locks/:id': {},
};
