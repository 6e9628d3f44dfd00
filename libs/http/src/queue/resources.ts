import type { QueueDocument } from '@message-vault/metadata';
import type { RoleResources } from '../roles.ts';
import { enqueue } from './enqueue.ts';
import { peekHead, takeAway, takeLocked, whereCounted } from './head.ts';
import { acknowledge, deadLetter, giveBack, renew } from './settle.ts';
import { redriveQueue, sendQueueStats } from './upkeep.ts';

/** What a queue answers to. Every node serves all of it, but for queues whose readers are counted. */
export const queueResources: RoleResources<QueueDocument> = {
  '': { POST: { action: 'publish', route: 'enqueue', handle: enqueue } },
  head: {
    GET: { action: 'read', handle: peekHead },
    POST: { action: 'read', handle: whereCounted(takeLocked) },
    DELETE: { action: 'read', handle: whereCounted(takeAway) },
  },
  'locks/:id': {
    DELETE: { action: 'read', handle: whereCounted(acknowledge) },
    PUT: { action: 'read', handle: whereCounted(giveBack) },
    POST: { action: 'read', handle: whereCounted(renew) },
  },
  'locks/:id/dead-letter': { POST: { action: 'read', handle: whereCounted(deadLetter) } },
  redrive: { POST: { action: 'manage', handle: redriveQueue } },
  stats: { GET: { action: 'read', handle: sendQueueStats } },
};
